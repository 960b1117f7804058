"""Tables from files of users: what is read, and what is refused with the line where it begins."""

import csv
import io
import math
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnsweep import errors, run
from rnnsweep.data import labelled, series, tables, user_files
from rnnsweep.errors import ConfigError
from rnnsweep.tasks.sine import Sine


def table(
    content: str | bytes, folder: Path, encoding: str = "utf-8", decimal: tables.Decimal = "."
) -> tables.DataTable:
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return tables.parse(user_files.read(path, "task.path"), encoding, decimal)


def fields(found: tables.DataTable) -> list[list[str]]:
    return [found.names, *found.cells.to_numpy().tolist()]


def refused(content: str | bytes, folder: Path, **options: Any) -> str:
    with pytest.raises(ConfigError) as error:
        table(content, folder, **options)
    return str(error.value)


# What is read --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        "day,level\n1,2.5\n3,4\n",
        "day,level\r\n1,2.5\r\n3,4\r\n",
        "day,level\r\r\n1,2.5\r\r\n3,4\r\r\n",
        "day,level\r1,2.5\r3,4\r",
        "day,level\n\n1,2.5\n\n  \n3,4",
        "day,level\n1,2.5\n3,4\n\n\n \t\n\n",
        "\n\nday,level\n1,2.5\n3,4\n",
        "\ufeffday,level\n1,2.5\n3,4\n",
        '\ufeff"day","level"\n"1","2.5"\n3,4\n',
        "day;level\n1;2.5\n3;4\n",
        "day\tlevel\n1\t2.5\n3\t4\n",
        " day , level\n1, 2.5 \n3,4\n",
    ],
)
def test_the_same_table_in_other_forms(content: str, tmp_path: Path) -> None:
    found = table(content, tmp_path)
    assert found.names == ["day", "level"]
    assert found.column("day").tolist() == ["1", "3"]
    assert found.numbers("level").tolist() == [2.5, 4.0]


def test_a_row_is_known_by_the_line_where_it_begins(tmp_path: Path) -> None:
    found = table('a,b\n1,"x\ny\n"\n\n2,z\n', tmp_path)
    assert found.cells.index.tolist() == [2, 6]
    assert found.cells[1].tolist() == ["x\ny\n", "z"]


def test_quoted_fields_hold_separators_quotes_and_line_ends(tmp_path: Path) -> None:
    content = 'text,label\n"one, two",a\n"he said ""no""",b\nan 8" pipe and "air" quotes,c\n"",d\n'
    assert table(content, tmp_path).column("text").tolist() == [
        "one, two",
        'he said "no"',
        'an 8" pipe and "air" quotes',
        "",
    ]


def test_other_characters_that_look_like_line_ends_stand_inside_of_fields(tmp_path: Path) -> None:
    odd = "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i\rj"
    assert table(f'text,label\n{odd},x\n"{odd}",y\n', tmp_path).column("text").tolist() == [odd, odd]


def test_names_are_compared_composed_and_without_surplus_blanks(tmp_path: Path) -> None:
    found = table('"Level (m)","Flow [m³/s, daily]",De\u0301bit,"Water\n(mm)"\n1,2,3,4\n', tmp_path)
    for name, value in (
        ("Level (m)", 1),
        ("Flow [m³/s, daily]", 2),
        ("D\u00e9bit", 3),
        ("De\u0301bit", 3),
        ("Water (mm)", 4),
    ):
        assert found.numbers(name).tolist() == [value]


def test_decimal_commas_are_read_where_they_are_asked_for(tmp_path: Path) -> None:
    for content in ("day;level\n0;20,55\n1;-1,5e2\n", 'day,level\n0,"20,55"\n1,"-1,5e2"\n', "level\n20,55\n-1,5e2\n"):
        assert table(content, tmp_path, decimal=",").numbers("level").tolist() == [20.55, -150.0]
    both = table("Zeit;Pegel (m, NN)\n0;20,55\n", tmp_path, decimal=",")
    assert both.numbers("Pegel (m, NN)").tolist() == [20.55]
    with pytest.raises(ConfigError, match=r"line 2 of .*: expected a number, got '1\.5'"):
        table("day;level\n0;1.5\n", tmp_path, decimal=",").numbers("level")


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).standard_normal(2000) * 10.0 ** np.arange(-10, 10).repeat(100)
    found = table("x\n" + "".join(f"{number!r}\n" for number in numbers.tolist()), tmp_path).numbers("x")
    assert found.dtype == np.float64
    assert found.tolist() == numbers.tolist()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(st.text(st.sampled_from('ab ,;"\n\r\u2028'), max_size=5), min_size=width, max_size=width),
            min_size=1,
            max_size=6,
        )
    ),
    st.sampled_from(tables.SEPARATORS),
)
def test_what_csv_writes_is_read_back(cells: list[list[str]], separator: str) -> None:
    """Python's csv module is the other implementation; it writes \\r inside of quotes."""
    names = [f"column {index}" for index in range(len(cells[0]))]
    content = io.StringIO()
    csv.writer(content, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([names, *cells])
    file = user_files.File("t.csv", "task.path", content.getvalue().encode())
    said = ""
    try:
        found = tables.parse(file)
    except ConfigError as error:
        said = str(error)
    if said:
        assert "look like rows" in said  # as texts of separators and line ends alone may
        return
    assert found.names == names
    plain = [[field.replace("\r\n", "\n") for field in row] for row in cells]
    assert [[user_files.line_ends(f) for f in row] for row in found.cells.to_numpy().tolist()] == [
        [user_files.line_ends(f) for f in row] for row in plain
    ]


# What is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "a,b\n1,2\n\n1,2,3\n1,2,3,4\n",
            "line 4 of `.*t.csv` has 3 fields where the header names 2 (2 rows do not fit)",
        ),
        ("text,label\nyes, please,x\n", "line 2 of `.*` has 3 fields .*; put a field that holds a `,` into quotes"),
        ("a;b\n1;2;3\n", "has 3 fields where the header names 2; put a field that holds a `;` into quotes"),
        ("a\tb\n1\n", "line 2 of .* has 1 field where the header names 2"),
        ('a,b\n"x\ny",1\nz\n', "line 4 of .* has 1 field where"),
        ("day,level\n0,20,55\n1,21,5\n", r"separate decimal commas by `;` and add 'task.decimal=\",\"'"),
        ("a,b,a\n1,2,3\n", "line 1 of .* names the column `a` twice"),
        ("a,b, a \n1,2,3\n", "names the column `a` twice"),
        ("e\u0301,b,\u00e9\n1,2,3\n", "names the column `é` twice"),
        ('a,b\n1,2\n3,"x\n4,5\n', "line 3 of .* opens a quote that is never closed"),
        ('a,b\n1,"x"y\n', "line 2 of .* opens a quote that is closed, and 'y' follows"),
        ('a,b\n"x,1\n"y",2\n', "line 2 of .* opens a quote that is closed on line 3, and 'y\",2' follows"),
        ("a;b,c\n1;2,3\n", "may be separated by ',' or ';'; put names that hold one of them into quotes"),
    ],
)
def test_a_row_that_is_not_whole_is_refused_where_it_begins(content: str, said: str, tmp_path: Path) -> None:
    import re

    assert re.search(said.replace("(2 rows", r"\(2 rows").replace("fit)", r"fit\)"), refused(content, tmp_path))


def test_pandas_indices_have_no_name(tmp_path: Path) -> None:
    assert table(",text,\n0,a,\n1,b,\n", tmp_path).column("text").tolist() == ["a", "b"]


def opinions(count: int, **odd: str) -> str:
    rows = [f"we mended the boat number {n},{('good', 'bad')[n % 2]}\n" for n in range(count)]
    for place, row in odd.items():
        rows[int(place[1:])] = row
    return "text,label\n" + "".join(rows)


def quoted(row: str, first: int, last: int, count: int, header: str) -> str:
    """Rows by a template, in which `@` is a quote in the rows `first` and `last`, and nothing in the others."""
    rows = [row.format(n=n, label="ab"[n % 2], level=f"{20 + n / 7:.3f}") for n in range(count)]
    return header + "".join(row.replace("@", '"' * (n in (first, last))) + "\n" for n, row in enumerate(rows))


SWALLOWING = [
    (opinions(400, _2='"free entry now,good\n', _249='the end of it",bad\n'), 4, 251),
    (opinions(40, _0='"free entry now,good\n', _39='the end",bad\n'), 2, 41),
    (opinions(9, _3='"free entry now,good\n', _4='the end of it",bad\n'), 5, 6),
    (
        quoted("{label},@text {n}@", 3, 3, 20, "label,text\n")
        .replace('"text 3"', '"text 3')
        .replace("text 9", 'text 9"'),
        5,
        11,
    ),
    (quoted("{n},@open,{level}", 50, 51, 400, "day,note,level\n").replace('"open,27.286', 'open",27.286'), 52, 53),
    (
        quoted("{n},@open@,{level}", 50, 50, 400, "day,note,level\n")
        .replace('"open"', '"open')
        .replace("196,open", '196,open"'),
        52,
        198,
    ),
    (quoted("k{n},@text {n},{label}", 2, 2, 9, "id,text,label\n").replace("text 5", 'text 5"'), 4, 7),
]


@pytest.mark.parametrize(("content", "begins", "ends"), SWALLOWING)
def test_a_stray_quote_that_swallows_rows_is_refused_where_it_opens(
    content: str, begins: int, ends: int, tmp_path: Path
) -> None:
    said = refused(content, tmp_path)
    assert f"line {begins} of " in said
    assert f"closed on line {ends}, and the lines between look like rows" in said


@pytest.mark.parametrize(
    "text",
    [
        "Roses are red, violets are blue\nSugar is sweet, and so are you\nThe end, my friend",
        "one paragraph\n\nanother one, with a comma\n",
        "good,\nbad,\nugly",
        "first line\nsecond line",
        "I paid, 5\nfor it, 7",
        "row, row, row\nrow, row\nrow, row",
        "yeah, yeah\nyeah, yeah\nyeah, yeah",
    ],
)
def test_a_text_of_several_lines_is_no_row(text: str, tmp_path: Path) -> None:
    content = opinions(30, _5=f'"{text}",good\n', _8='"another\nof two lines",bad\n')
    found = table(content, tmp_path)
    assert len(found.cells) == 30
    assert found.cells[0].iloc[5] == text


def test_long_fields_are_read(tmp_path: Path) -> None:
    assert len(table(f'text,label\n"{"word " * 40_000}",x\n', tmp_path).column("text").iloc[0]) == 199_999


# Missing numbers -----------------------------------------------------------------------------------------------

GAPS = "day,level,note\n0,1,x\n1,,y\n2,NA,z\n3,7,\n4,null,-\n"


def test_a_missing_number_is_refused_by_line_and_count_with_the_options(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        table(GAPS, tmp_path).numbers("level")
    for said in ("line 3 of", "column `level`", "3 of 5 rows", "drop", "interpolate", "forward"):
        assert said in str(error.value)


@pytest.mark.parametrize(("missing", "wanted"), [("drop", [1, 7]), ("forward", [1, 1, 1, 7, 7])])
def test_missing_numbers_are_filled_as_asked(missing: Any, wanted: list[float], tmp_path: Path) -> None:
    assert table(GAPS, tmp_path).numbers("level", missing).tolist() == wanted


def test_interpolation_draws_a_straight_line_and_nothing_beyond_the_ends(tmp_path: Path) -> None:
    inside = table(GAPS.replace("null", "9"), tmp_path)
    assert inside.numbers("level", "interpolate").tolist() == [1, 3, 5, 7, 9]
    with pytest.raises(ConfigError, match=r"line 6 of .* has no number .*, and no neighbour to fill it from"):
        table(GAPS, tmp_path).numbers("level", "interpolate")
    with pytest.raises(ConfigError, match=r"line 2 of .* has no number .*`task.missing=drop` leaves it out"):
        table("a,b\n,1\n2,3\n", tmp_path).numbers("a", "forward")


@pytest.mark.parametrize("number", ["1_000", "1,5", "0x1f", "12:30", "5 %", "٣", "1.2.3", "inf", "--5", "1e", "."])
def test_what_is_no_number_is_refused(number: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"line 3 of .*: expected a number, got ") as error:
        table(f'a\n1\n"{number}"\n', tmp_path).numbers("a")
    assert ("task.decimal" in str(error.value)) == (number == "1,5")


# Series --------------------------------------------------------------------------------------------------------


def waves(level: float, factor: float, count: int = 400) -> str:
    rows = (f"{level + factor * (20 + 3 * math.sin(n / 5)):.6f}" for n in range(count))
    return "value\n" + "".join(f"{row}\n" for row in rows)


def of_series(content: str, folder: Path, **options: Any) -> Sine:
    path = folder / "s.csv"
    path.write_text(content)
    series.column.cache_clear()
    return Sine(0, 8, path=str(path), **options)


@pytest.mark.parametrize(("level", "factor"), [(1e8, 1.0), (1.6e12, 1000 / 3), (-1e10, 1e-3), (0.0, 1e-3)])
def test_a_series_at_a_high_level_is_the_same_series(level: float, factor: float, tmp_path: Path) -> None:
    low, high = of_series(waves(0, 1), tmp_path), None
    wanted = low.values, low.unit
    high = of_series(waves(level, factor), tmp_path)
    torch.testing.assert_close(high.values, wanted[0], atol=2e-3, rtol=0)
    assert high.unit == pytest.approx(factor * wanted[1], rel=1e-3)
    last = high.data["test"]["inputs"][:, -1, 0]
    assert high.error(last) == pytest.approx(factor**2 * low.error(last), rel=1e-3)


@pytest.mark.parametrize("value", ["0", "7.1", "1e8", "-1630175280000.25", "1e-20"])
def test_a_constant_training_part_is_refused_by_name(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the training part of the series is constant .*; choose another column"):
        _ = of_series("value\n" + f"{value}\n" * 200 + "3\n4\n" * 30, tmp_path).data


def test_a_series_of_small_numbers_is_scaled_by_its_own_deviation(tmp_path: Path) -> None:
    task = of_series("v\n" + "".join(f"{1e-15 * math.sin(n)!r}\n" for n in range(200)), tmp_path)
    assert task.values.std().item() == pytest.approx(1, rel=0.05)


def test_a_column_may_be_named_by_a_number(composed: Any, tmp_path: Path) -> None:
    path = tmp_path / "years.csv"
    path.write_text("day,2020,2021\n" + "".join(f"{n},{n % 9},{n % 7}\n" for n in range(200)))
    runs = [
        run.identify(composed("task=sine", f"task.path={path}", f"task.column={name}"))
        for name in ("2020", "'2020'", "2021")
    ]
    assert runs[0].id == runs[1].id != runs[2].id
    assert runs[0].config["task"]["column"] == "2020"
    assert isinstance(runs[0].task, Sine)
    assert len(runs[0].task.values) == 200
    with pytest.raises(ConfigError, match=r"has no column `2019`; its first line names 'day', '2020', '2021'"):
        run.identify(composed("task=sine", f"task.path={path}", "task.column=2019"))


def test_a_series_without_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the first line of .* holds numbers; expected the names of the columns"):
        _ = of_series("19.965\n20.490\n21.108\n", tmp_path).values
    with pytest.raises(ConfigError, match="is empty"):
        _ = of_series("\n\n", tmp_path).values


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        (",x", "{n},{x}", r"the first column of `.*` has no name, .* `task.column=NAME`; its first line names '', 'x'"),
        ("t,x", "{t},{x}", r"`t`, the first column of `.*`, changes by the same in every row, .* `task.column=NAME`"),
    ],
)
def test_the_first_column_is_no_series_where_it_counts_the_rows(
    header: str, row: str, said: str, tmp_path: Path
) -> None:
    rows = [row.format(n=n, t=n / 10, x=math.sin(n)) for n in range(200)]
    content = "\n".join([header, *rows])
    with pytest.raises(ConfigError, match=said):
        _ = of_series(content, tmp_path).values
    assert len(of_series(content, tmp_path, column="x").values) == 200
    if header == "t,x":
        assert len(of_series(content, tmp_path, column="t").values) == 200


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("1,234", "got '1,234'; take out commas between thousands; for decimal commas add 'task.decimal=\",\"'"),
        ("1,5", "got '1,5'; for decimal commas add 'task.decimal=\",\"'"),
        ("1,234.5", "got '1,234.5'; take out commas between thousands$"),
        ("31/12/2024", "got '31/12/2024'; a date is written 2024-03-31, as 03/04/2024 may be in March or in April$"),
        ("up", "got 'up'; the columns are 'a', 'b'$"),
    ],
)
def test_what_is_no_number_is_refused_with_what_to_do(number: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        table(f"a;b\n{number};2\n", tmp_path).numbers("a")


def test_points_between_thousands_are_told_where_commas_are_decimal(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"got '1\.234,5'; take out points between thousands$"):
        table("a;b\n1.234,5;2\n", tmp_path, decimal=",").numbers("a")


def test_a_series_with_a_mark_for_missing_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = "x\n" + "".join(f"{-99.9 if n in (5, 6) else math.sin(n):.6f}\n" for n in range(100))
    _ = of_series(content, tmp_path).values
    assert "2 of 100 numbers of `x` are -99.9, far from all others" in capsys.readouterr().err
    with pytest.raises(
        ConfigError, match=r"line 7 of `.*` has no number in the column `x` \(2 of 100 rows have none\)"
    ):
        _ = of_series(content, tmp_path, missing_values=[-99.9]).values
    marked = of_series(content, tmp_path, missing_values=[-99.9], missing="interpolate").values
    assert torch.equal(marked, of_series(content.replace("-99.900000", "NA"), tmp_path, missing="interpolate").values)


def test_the_first_of_several_columns_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{math.sin(n)},{math.cos(n)}" for n in range(200)]
    errors.TOLD.clear()
    _ = of_series("\n".join(["a,b", *rows]), tmp_path).values
    assert "reads `a`, the first of 2 columns; `task.column` names another" in capsys.readouterr().err


def test_a_series_with_dates_is_read_in_their_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = np.datetime64("2024-01-01") + np.arange(200)
    rows = [f"{day},{math.sin(n):.4f}" for n, day in enumerate(days)]
    errors.TOLD.clear()
    with pytest.raises(ConfigError, match=r"line 3 of `.*`: its `day` is not after that of the row before; sort the"):
        _ = of_series("\n".join(["day,x", *rows[::-1]]), tmp_path, column="x").values
    assert len(of_series("\n".join(["day,x", *rows]), tmp_path, column="x").values) == 200
    twice = [row for row in rows for _ in range(2)]  # several rows a day
    assert len(of_series("\n".join(["day,x", *twice]), tmp_path, column="x").values) == 400
    assert "line 4 of" in (told := capsys.readouterr().err)
    assert "the steps of `day` are not even; each row counts as one step" in told


def test_many_columns_are_not_all_listed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"names 'c0', .*'c19' and 480 more$"):
        table(",".join(f"c{n}" for n in range(500)) + "\n", tmp_path).column("d")


# Labelled tables -----------------------------------------------------------------------------------------------


def test_rows_without_a_label_are_refused_by_line_and_count_or_dropped(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("text,label\na,x\nb,x\nnull,\nNA,y\n ,y\nnan,y\n")
    with pytest.raises(
        ConfigError, match=r"line 4 of .* lacks a text or a label \(in all 2 of 6 rows\); `task.missing=drop`"
    ):
        labelled.load(str(path))
    assert labelled.load(str(path), missing="drop").pairs == (("a", "x"), ("b", "x"), ("NA", "y"), ("nan", "y"))


def test_a_table_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    for rows, said in (("", "has no rows$"), (",x\na,\n", "has no rows with a text and a label$")):
        path.write_text(f"text,label\n{rows}")
        labelled.load.cache_clear()
        with pytest.raises(ConfigError, match=said):
            labelled.load(str(path), missing="drop")
    path.write_text("a,b\n,1\n-,2\n")
    series.column.cache_clear()
    with pytest.raises(ConfigError, match=r"leaves 0 windows"):
        _ = Sine(0, 8, path=str(path), column="a", missing="drop").values


def test_labels_are_composed(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("text,label\na,Fran\u00e7ais\nb,Franc\u0327ais\nc,Deutsch\nd,Deutsch\n")
    assert labelled.load(str(path)).classes == ["Deutsch", "Fran\u00e7ais"]


# Other files under the name of a table -------------------------------------------------------------------------


def packed(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "text,label\na,x\n")  # of no time: test ids hold the bytes
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (packed("data.csv"), "is a zip archive of 'data.csv', not text; unpack it, or export it as text or CSV"),
        (packed("Index/Document.iwa", "preview.jpg"), "is an Apple Numbers document, not text"),
        (packed("preview.jpg", "Index.zip", "Metadata/Properties.plist"), "is an Apple Numbers document, not text"),
        (packed("[Content_Types].xml", "xl/workbook.xml"), "is an Excel workbook"),
        (packed("mimetype", "content.xml"), "is an OpenDocument file"),
        (packed("data.csv")[:40], "is a zip archive"),
        (b"\x1f\x8b\x08\0rest", "is a gzip archive"),
        (np.lib.format.magic(1, 0) + b"rest", "is an array of numpy.save, not text"),
        (b"PAR1rest", "is a Parquet file, not text"),
        (pickle.dumps([1, 2], 4), "is a Python pickle, not text"),
        (pickle.dumps([1, 2], 5), "is a Python pickle, not text"),
        (b"a,b\n\0\0\x01\x02", "is a binary file"),
    ],
)
def test_an_archive_under_the_name_of_a_table_is_told(content: bytes, said: str, tmp_path: Path) -> None:
    assert said in refused(content, tmp_path)


@pytest.mark.parametrize("offset", ["+01:00", "Z", "-0500"])
def test_dates_with_and_without_an_offset_are_refused(offset: str, tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    hours = [f"2024-01-01 {hour:02}:00" for hour in range(24)]
    path.write_text("date,x\n" + "".join(f"{hour}{offset * (n > 3)},{n % 5}\n" for n, hour in enumerate(hours)))
    with pytest.raises(ConfigError, match=r"line 2 of .*'2024-01-01 00:00' has no offset from UTC, but other dates"):
        Sine(0, 4, path=str(path), column="x", seq_len=4, horizon=2).data_hash  # noqa: B018
    path.write_text("date,x\n" + "".join(f"{hour}{offset},{n % 5}\n" for n, hour in enumerate(hours)))
    assert Sine(0, 4, path=str(path), column="x", seq_len=4, horizon=2).data_hash
