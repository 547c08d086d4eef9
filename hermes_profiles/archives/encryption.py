"""Encryption of archives by age (https://age-encryption.org), through the library pyrage.

The result is a plain age file: `age --decrypt` and `rage --decrypt` open it without this program.
"""

from __future__ import annotations

import importlib
from typing import Any, BinaryIO

from hermes_profiles.model.errors import Failed, Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret

MAGIC = b"age-encryption.org/v1"
ENDING = ".age"
# The library encrypts for a passphrase in memory.
MOST_WITH_PASSPHRASE = 1 << 30
INSTALL = "install it with `pip install 'hermes-profiles[archives]'`"


class Protection(NamedTuple):
    """Who can open an archive: the holders of the keys of these recipients, or who knows the passphrase."""

    recipients: tuple[str, ...] = ()
    passphrase: Secret[str] | None = None


class Unlock(NamedTuple):
    """What opens an archive: age identities (`AGE-SECRET-KEY-1…`), or the passphrase."""

    identities: tuple[Secret[str], ...] = ()
    passphrase: Secret[str] | None = None


def check_protection(protection: Protection) -> None:
    """Raise UsageProblem for a recipient that is not one, Failed without the library."""
    for recipient in protection.recipients:
        _recipient(_age(), recipient)
    _age()


def encrypt(source: BinaryIO, size: int, out: BinaryIO, protection: Protection) -> None:
    """Encrypt a file. Raises Refused where it is too large for a passphrase."""
    age = _age()
    if protection.passphrase is None:
        age.encrypt_io(source, out, [_recipient(age, text) for text in protection.recipients])
        return
    if size > MOST_WITH_PASSPHRASE:
        raise Refused(
            f"the archive has {size:,} bytes, and at most {MOST_WITH_PASSPHRASE:,} can be encrypted by a passphrase",
            code="too-large",
            hint="use `--recipient age1…`; make a key with `age-keygen -o key.txt`",
        )
    out.write(age.passphrase.encrypt(source.read(), protection.passphrase.reveal()))


def needs_passphrase(head: bytes) -> bool:
    """Return whether the first bytes of an age file say that a passphrase opens it."""
    return b"\n-> scrypt " in head


def decrypt(source: BinaryIO, out: BinaryIO, unlock: Unlock, archive: str) -> None:
    """Decrypt a file. Raises Refused for a wrong passphrase or key, Failed for a damaged file."""
    age, head = _age(), source.read(512)
    source.seek(0)
    by_passphrase = needs_passphrase(head)
    try:
        if by_passphrase:
            if unlock.passphrase is None:
                raise locked(archive, "a passphrase opens it", "type it, or use `--passphrase-stdin`")
            out.write(age.passphrase.decrypt(source.read(), unlock.passphrase.reveal()))
        else:
            if not unlock.identities:
                raise locked(archive, "a key opens it", "name the file of the key with `--key FILE`")
            age.decrypt_io(source, out, [_identity(age, text) for text in unlock.identities])
    except (age.DecryptError, OSError) as error:
        what = "the passphrase is wrong" if by_passphrase else "none of these keys opens it"
        raise locked(archive, f"{what}, or the file is damaged", "try again") from error


def locked(archive: str, why: str, hint: str) -> Refused:
    """Return the error for an archive that cannot be decrypted."""
    return Refused(f"{archive} is encrypted: {why}; nothing was changed", target=archive, code="locked", hint=hint)


def new_identity() -> tuple[Secret[str], str]:
    """Return a new identity and its recipient."""
    identity = _age().x25519.Identity.generate()
    return Secret(str(identity)), str(identity.to_public())


def recipient_of(identity: Secret[str]) -> str:
    """Return the recipient of an identity. Raises UsageProblem for another text."""
    return str(_identity(_age(), identity).to_public())


def _recipient(age: Any, text: str) -> Any:
    kind = age.ssh if text.startswith("ssh-") else age.x25519
    try:
        return kind.Recipient.from_str(text)
    except age.RecipientError:
        raise UsageProblem(
            f"{text!r} is not a recipient of age",
            target="--recipient",
            hint="use `age1…` or the text of an ssh public key; make one with `age-keygen -o key.txt`",
        ) from None


def _identity(age: Any, secret: Secret[str]) -> Any:
    text = secret.reveal()
    try:
        if "PRIVATE KEY" in text:
            return age.ssh.Identity.from_buffer(text.encode())
        return age.x25519.Identity.from_str(text)
    except age.IdentityError:
        raise UsageProblem(
            "the key file has no identity of age", target="--key", hint="make one with `age-keygen -o key.txt`"
        ) from None


def _age() -> Any:
    try:
        return importlib.import_module("pyrage")
    except ImportError:
        raise Failed(
            "encryption needs the library pyrage, which is not installed", code="no-age", hint=INSTALL
        ) from None
