"""`hermes-gateways render kubernetes`: what it writes, refuses and prints."""

from __future__ import annotations

from command_root import CommandRoot

IMAGE = "registry.example.org/hermes:1@sha256:" + "a" * 64
BASE = "nousresearch/hermes-agent:v1@sha256:" + "b" * 64
WORDS = ("render", "kubernetes", "--json", "--image", IMAGE, "--from", BASE, "--timezone", "Europe/Berlin")


def test_render_writes_once_and_refuses_files_of_others(world: CommandRoot) -> None:
    gateways, folder = world.runner.gateways, world.user / "deploy" / "family"
    planned = gateways(*WORDS, "-o", "deploy/family", "--dry-run")
    assert planned.code == 0 and not folder.exists() and len(planned.data["files"]) == 7
    first = gateways(*WORDS, "-o", "deploy/family")
    assert first.code == 0 and first.json["warnings"] == []
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {
        "Dockerfile", "kustomization.yaml", "loader.yaml", "networkpolicy.yaml", "pvc.yaml", "service.yaml",
        "statefulset.yaml",
    }  # fmt: skip
    assert all(b"CANARY" not in content for content in before.values())

    again = gateways(*WORDS, "-o", "deploy/family")
    assert {each["outcome"] for each in again.data["files"]} == {"unchanged"}

    (folder / "pvc.yaml").write_bytes(before["pvc.yaml"].replace(b"10Gi", b"20Gi"))
    edited = gateways(*WORDS, "-o", "deploy/family")
    assert edited.code == 6 and edited.problem["code"] == "hand-edited"
    (folder / "pvc.yaml").write_text("kind: PersistentVolumeClaim\n")
    foreign = gateways(*WORDS, "-o", "deploy/family")
    assert foreign.code == 6 and foreign.problem["code"] == "foreign-file"
    assert gateways(*WORDS, "-o", "deploy/family", "--force").code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_render_remarks_on_images_and_size(world: CommandRoot) -> None:
    image = "nousresearch/hermes-agent:v1"
    done = world.runner.gateways("render", "kubernetes", "--json", "--image", image, "-o", "out", "--memory", "64Gi")
    codes = [each["code"] for each in done.json["warnings"]]
    assert codes == ["image-without-hermes-profiles", "image-without-digest", "large-pod"]
    assert done.data["base"] == image and done.data["name"] == "hermes"


def test_render_needs_its_options_and_a_group_that_exists(world: CommandRoot) -> None:
    gateways = world.runner.gateways
    assert gateways("render", "kubernetes", "--json", "-o", "out").code == 2
    assert gateways(*WORDS, "-o", "out", "--group", "none").code == 5
    assert gateways(*WORDS, "-o", "out", "--access-mode", "ReadWriteMany").code == 2
    (world.user / "out").write_text("")
    refused = gateways(*WORDS, "-o", "out")
    assert refused.code == 1 and refused.problem["code"] == "not-a-folder"


def test_render_text_names_the_next_commands(world: CommandRoot) -> None:
    done = world.runner.gateways(*(word for word in WORDS if word != "--json"), "-o", "my deploy")
    assert "new        statefulset.yaml" in done.stdout
    assert "kubectl apply --server-side -k 'my deploy'" in done.stdout
    assert "kubectl apply -f 'my deploy/pvc.yaml' -f 'my deploy/loader.yaml'" in done.stdout
    assert "docker build -t registry.example.org/hermes:1 'my deploy'" in done.stdout
