"""The list of other people's software is what is really packed."""

from __future__ import annotations

from scripts import notices

NOTICE = (notices.ROOT / "NOTICE").read_text()
WITHOUT_A_FILE = {"jsonschema_rs"}
"""Published without a licence file; NOTICE says the licence in its place."""


def test_the_page_lists_what_is_packed() -> None:
    assert notices.PAGE.read_text() == notices.page()


def test_every_package_of_the_functions_brings_its_licence_or_notice_names_it() -> None:
    without = set()
    for name in notices.FUNCTIONS:
        for folder in (notices.ROOT / "build" / "lambda" / name).glob("*.dist-info"):
            files = [one.name.lower() for one in folder.rglob("*") if one.is_file()]
            if not any("licen" in one or "copying" in one for one in files):
                without.add(folder.name.split("-")[0])
    assert without == WITHOUT_A_FILE
    assert all(f"{name}, by " in NOTICE for name in without)
