"""Files as they come: every usual encoding, delimiter and wrapping, and refusals that say why."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from crm.imports import UnusableFile, tables

TEXT = "id;姓名;ort\n1;王伟;München\n2;李娜;Wien\n"
CHINESE = "编号,姓名,城市\n1,王伟,上海\n2,李娜,广州\n"


def read(data: bytes, name: str, folder: Path) -> tuple[tables.Format, list[tables.Numbered]]:
    path = folder / "upload"
    path.write_bytes(data)
    form = tables.find_format(path=path, filename=name)
    with tables.rows(path=path, form=form) as rows:
        return form, list(rows)


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"]
)
def test_every_usual_encoding_is_found_out(encoding: str, tmp_path: Path):
    _form, rows = read(CHINESE.encode(encoding), "a.csv", tmp_path)

    assert [list(row) for _, row in rows] == [["1", "王伟", "上海"], ["2", "李娜", "广州"]]


def test_the_windows_encoding_is_not_taken_for_chinese(tmp_path: Path):
    text = "id,name,city\n1,Jürgen,München\n2,Zoë,Besançon\n"

    form, rows = read(text.encode("cp1252"), "a.csv", tmp_path)

    assert form.encoding == "cp1252"
    assert [row[1] for _, row in rows] == ["Jürgen", "Zoë"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_delimiter_and_quote_are_found_out(delimiter: str, quote: str, tmp_path: Path):
    cells = [["id", "name", "said"], ["1", "Ann", f"a{delimiter}b"], ["2", "Bob", "x\ny"]]
    text = "\n".join(delimiter.join(f"{quote}{c}{quote}" for c in row) for row in cells)

    form, rows = read(text.encode(), "a.txt", tmp_path)

    assert (form.delimiter, form.quote) == (delimiter, quote)
    assert [list(row) for _, row in rows] == cells[1:]


def test_excels_own_line_about_the_delimiter_is_no_heading(tmp_path: Path):
    form, rows = read(b"sep=;\nid;email\n1;a@b.example\n", "a.csv", tmp_path)

    assert form.headings == ("id", "email")
    assert [list(row) for _, row in rows] == [["1", "a@b.example"]]


@pytest.mark.parametrize("wrap", [gzip.compress, lambda data: zipped(people__csv=data)])
def test_a_wrapped_file_reads_like_a_plain_one(wrap, tmp_path: Path):
    _form, rows = read(wrap(TEXT.encode()), "a.csv.gz", tmp_path)

    assert [row[1] for _, row in rows] == ["王伟", "李娜"]


def test_json_lines_keep_their_types_and_open_their_attributes(tmp_path: Path):
    data = b'{"id": 1, "attributes": {"vip": true}}\n\n{"id": "2", "tags": ["a"]}\n'

    form, rows = read(data, "a.jsonl", tmp_path)

    assert form.headings == ("id", "attributes.vip", "tags")
    assert [(line, list(row)) for line, row in rows] == [(1, [1, True, ""]), (3, ["2", "", ["a"]])]


def test_a_spreadsheet_gives_texts_as_people_see_them(tmp_path: Path):
    book = Workbook()
    book.active.append(["id", "phone", "since", "share"])
    book.active.append([7, 4915112345678, __import__("datetime").date(2026, 1, 2), 0.5])
    book.active.append([])
    buffer = io.BytesIO()
    book.save(buffer)

    form, rows = read(buffer.getvalue(), "a.xlsx", tmp_path)

    assert form.kind == "xlsx"
    assert rows == [(2, ["7", "4915112345678", "2026-01-02", "0.5"])]


def test_reading_goes_on_behind_rows_that_are_done(tmp_path: Path):
    path = tmp_path / "upload"
    path.write_text("id\n1\n\n2\n3\n", encoding="utf-8")
    form = tables.find_format(path=path, filename="a.csv")

    with tables.rows(path=path, form=form, skip=2) as rows:
        left = list(rows)

    assert left == [(5, ["3"])]


@pytest.mark.parametrize(
    ("data", "name", "why"),
    [
        (b"", "a.csv", "empty"),
        (b"\n\n", "a.csv", "no headings"),
        (b"%PDF-1.7 ...", "a.pdf", "no table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.xls", "old Excel"),
        (b"id,name\n1,\x00\x01\x02", "a.csv", "no text"),
        (b'[{"id": 1}]', "a.json", "JSON Lines"),
        (zipped(a__csv=b"id\n1", b__csv=b"id\n2"), "a.zip", "2 files"),
        (zipped(a__zip=b"PK"), "a.zip", "another archive"),
        (gzip.compress(TEXT.encode(), mtime=0)[:-12], "a.csv.gz", "damaged"),
        (b"PK\x03\x04 broken", "a.zip", "damaged"),
        (b"this is no workbook", "a.xlsx", "not what its name says"),
        (b"this is no archive", "a.zip", "not what its name says"),
        (zipped(hello__txt=b"hi"), "a.xlsx", "not what its name says"),
        (b'{"id": 1\n{"id": 2\n', "a.jsonl", "No line of the file is a JSON object"),
        (",".join(f"c{n}" for n in range(501)).encode(), "a.csv", "500 columns"),
        (b'id,name\n1,"' + b"x\n" * 200_000, "a.csv", "quotation mark"),
        (b"id," + b"x" * (5 << 20), "a.csv", "too long"),
        (gzip.compress(b"\0" * (64 << 20), mtime=0), "a.csv.gz", "no text|far more"),
        (zipped(a__csv=b"id\n" + b"1\n" * (32 << 20)), "a.zip", "far more"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_reason(
    data: bytes, name: str, why: str, tmp_path: Path
):
    with pytest.raises(UnusableFile, match=why):
        read(data, name, tmp_path)
