"""Recognises a document that is ciphertext, an archive or a pointer to a file: Hermes reads no setting of it. Pure."""

from __future__ import annotations

import re
from shlex import quote

from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern


class SealedForm(NamedTuple):
    """A form of ciphertext or archive: the `start` of the file, what it is called, and the way to the plain text."""

    start: bytes
    name: str
    way_out: str


_FORMS = (
    SealedForm(b"\x00GITCRYPT\x00", "encrypted by git-crypt", "run `git-crypt unlock` in its repository"),
    SealedForm(b"$ANSIBLE_VAULT;", "encrypted by ansible-vault", "run `ansible-vault decrypt {path}`"),
    SealedForm(b"version https://git-lfs.github.com/spec/", "a pointer of Git LFS", "run `git lfs pull`"),
    SealedForm(b"HRMSENC", "encrypted at rest by Hermes", "decrypt it with the Hermes that encrypted it"),
    SealedForm(b"age-encryption.org/", "encrypted by age", "run `age --decrypt` on it"),
    SealedForm(b"-----BEGIN AGE ENCRYPTED FILE-----", "encrypted by age", "run `age --decrypt` on it"),
    SealedForm(b"-----BEGIN PGP MESSAGE-----", "encrypted by gpg", "run `gpg --decrypt` on it"),
    SealedForm(b"-----BEGIN PKCS7-----", "encrypted as PKCS #7", "decrypt it with its key"),
    SealedForm(b"-----BEGIN CMS-----", "encrypted as CMS", "decrypt it with its key"),
    SealedForm(b"-----BEGIN ", "an armoured text", "decrypt it, or write NAME=value lines"),
    SealedForm(b"Salted__", "encrypted by openssl", "run `openssl enc -d` on it"),
    SealedForm(b"U2FsdGVkX1", "encrypted by openssl", "run `openssl enc -d -a` on it"),
    SealedForm(b"\x1f\x8b", "compressed by gzip", "unpack it: `gzip -dc {path}` shows its text"),
    SealedForm(b"PK\x03\x04", "a zip archive", "unpack it: `unzip -p {path}` shows its text"),
    SealedForm(b"BZh91AY&SY", "compressed by bzip2", "unpack it: `bzip2 -dc {path}` shows its text"),
    SealedForm(b"\xfd7zXZ\x00", "compressed by xz", "unpack it: `xz -dc {path}` shows its text"),
    SealedForm(b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it: `zstd -dc {path}` shows its text"),
    SealedForm(b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it with `7z x`"),
    SealedForm(b"SQLite format 3\x00", "a database", "write NAME=value lines"),
)
# Not closed: opened by the search in packed files or named by it, a text that is no ciphertext, nothing but an address.
_NOT_CLOSED = frozenset(
    (
        *(b"\x1f\x8b", b"PK\x03\x04", b"BZh91AY&SY", b"\xfd7zXZ\x00", b"SQLite format 3\x00"),
        *(b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf\x27\x1c", b"Salted__", b"age-encryption.org/"),
        *(b"-----BEGIN ", b"version https://git-lfs.github.com/spec/"),
    )
)
# A value that is ciphertext by itself, beside a readable name: Hermes takes the ciphertext for the value.
_SEALED_VALUE = lazy_pattern(
    rb"""^[ \t]*[^#\r\n]*?[=:][ \t]*["']?(?:(ENC\[AES256_GCM,data:)|encrypted:B[A-Za-z0-9+/]{40})""", re.MULTILINE
)
_SOPS = lazy_pattern(rb'\s*\{.*"sops"\s*:\s*\{', re.DOTALL)
# An encrypted document of Office is a compound file with one stream of this name (MS-OFFCRYPTO, 2.3.4.4).
_COMPOUND, _ENCRYPTED_STREAM = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "EncryptedPackage".encode("utf-16-le")
_LEVELDB_END = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"  # of each table that a browser stores
_PART_OF_ARCHIVE = lazy_pattern(
    r"\.(?:zip|7z|rar|tar(?:\.\w{2,4})?|t?gz|xz|zst)\.[0-9]{2,3}$|\.part[0-9]+\.rar$|\.[zr][0-9]{2}$"
)
_GPG_STARTS = (0x84, 0x85, 0x8C, 0xC1)  # RFC 9580: a session key encrypted to a key, by a packet of either format
_CONTENT = lazy_pattern(r"^[ \t\ufeff]*[^\s#\ufeff]", re.MULTILINE)
_CONTROL = lazy_pattern(rb"[\x00-\x08\x0e-\x1f]")


def sealed_form(raw: bytes) -> SealedForm | None:
    """Return the form of a document that is ciphertext, an archive or a pointer, None for any other."""
    head = raw[:64].removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    for form in _FORMS:
        if head.startswith(form.start):
            return form
    if head.startswith(b"{") and _SOPS.match(raw):
        return SealedForm(b"{", "encrypted by SOPS", "run `sops --decrypt` on it")
    if raw[:1] and raw[0] in _GPG_STARTS and _CONTROL.search(raw[:256]):
        return SealedForm(raw[:1], "encrypted, it seems by gpg", "run `gpg --decrypt` on it")
    return None


def closed_form(path: str, raw: bytes) -> str:
    """Return what a file of any kind is that nothing can be searched for in: "encrypted by age"; "" for any other."""
    form = sealed_form(raw)
    name = path.lower()
    if raw.startswith(_COMPOUND) and _ENCRYPTED_STREAM in raw:
        return "an encrypted office document"
    if raw.endswith(_LEVELDB_END):
        return "a table of LevelDB"
    if _PART_OF_ARCHIVE.search(name) is not None:
        return "a part of an archive"
    if form is None or form.start in _NOT_CLOSED:
        return "compressed by brotli" if name.endswith(".br") and not raw.isascii() else ""
    if len(form.start) == 1 and form.start != b"{" and not name.endswith((".gpg", ".pgp")):
        return ""
    return form.name


def sealed_value(raw: bytes) -> tuple[int, str, str] | None:
    """Return (line, what encrypted it, way out) of the first value that is ciphertext, None without one.

    The way out has `{path}` in the place of the file.
    """
    if b"ENC[AES256_GCM,data:" not in raw and b"encrypted:B" not in raw:
        return None
    found = _SEALED_VALUE.search(raw)
    if found is None:
        return None
    line = raw.count(b"\n", 0, found.end()) + 1
    if found[1]:
        return line, "SOPS", "run `sops --decrypt --in-place {path}`"
    return line, "dotenvx", "run `dotenvx decrypt -f {path}`"


def check_not_sealed(raw: bytes, path: str) -> None:
    """Raise DocumentError for a document that is ciphertext, an archive or a pointer."""
    form = sealed_form(raw)
    if form is not None:
        way_out = form.way_out.format(path=quote(path))
        raise DocumentError(path, 1, f"is {form.name}: Hermes reads nothing of it", hint=way_out)


def check_has_assignment(text: str, path: str) -> None:
    """Raise DocumentError for an environment file without one assignment that is more than comments.

    `text`: the content of a file of which no reader takes a variable.
    """
    found = _CONTENT.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise DocumentError(
            path,
            line,
            "has no assignment: Hermes reads nothing of it",
            hint="write NAME=value lines, or decrypt it when it is ciphertext",
        )
