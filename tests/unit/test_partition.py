"""A partition is exact, written last, the same each time, and resumed instead of made again."""

import io
import json

import pytest
from pyarrow import parquet

from sagelocal.serving import jsonpath
from sagewind import partition
from sagewind.objects import Address, Objects
from sagewind.parquet import to_parquet
from sagewind.partition import Partition, PartitionError
from sagewind.testing.s3 import S3Twin

SOURCE = b"when,id,width,length\nnoon,007,1,2\nnoon,b,3,4\nnight,c,5,6\n"
DAY = Partition(
    root=Address("b", "iris/scores"),
    ds="2026-01-05",
    model="iris/1",
    id_column="id",
    features=("length", "width"),
)
HOME = "iris/scores/ds=2026-01-05/"


@pytest.fixture
def twin():
    return S3Twin(page=2)


@pytest.fixture
def objects(twin):
    return Objects(twin.client())


def prepare(objects, source=SOURCE, day=DAY):
    return partition.prepare(objects, source, day, name="rows.csv", shard_rows=2)


def transform(twin, plan, shards=None, change=lambda lines: lines):
    """Do what a transform job does with the manifest: length + width, joined to the id."""
    [prefix, *listed] = json.loads(twin.body("b", plan.manifest.key))
    assert tuple(listed) == plan.pending
    for shard in listed if shards is None else shards:
        key = Address.parse(prefix["prefix"]).key + shard
        rows = [line.split(",") for line in twin.body("b", key).decode().splitlines()]
        lines = [f"{row[0]},{int(row[1]) + int(row[2])}" for row in rows]
        twin.put("b", f"{plan.output.key}/{shard}.out", "\n".join(change(lines)) + "\n")


def test_a_partition_is_shards_then_scores_then_success(twin, objects):
    plan = prepare(objects)
    assert (plan.rows, plan.pending, plan.done) == (3, ("part-00000.csv", "part-00001.csv"), False)
    assert twin.body("b", f"{plan.work.key}/in/part-00000.csv") == b"007,2,1\nb,4,3\n"
    transform(twin, plan)
    twin.account.calls.clear()
    facts = partition.publish(objects, plan)
    assert facts["rows"] == 3
    assert twin.body("b", HOME + "scores.csv") == b"id,prediction\n007,3\nb,7\nc,11\n"
    table = parquet.read_table(io.BytesIO(twin.body("b", HOME + "scores.parquet")))
    assert table.to_pydict() == {"id": ["007", "b", "c"], "prediction": [3, 7, 11]}
    assert twin.account.called("PutObject")[-1]["Key"] == HOME + "_SUCCESS"


def test_all_that_the_model_answers_to_a_row_is_seen_and_not_its_last_value_alone():
    wanted = partition.processing(features=2)
    row = [b"007", b"2", b"1"]
    assert jsonpath.parse(wanted["InputFilter"]).columns(row) == row[1:]
    kept = jsonpath.parse(wanted["OutputFilter"])
    assert kept.columns([*row, b"b"]) == [b"007", b"b"]
    assert kept.columns([*row, b"b", b"0.9"]) == [b"007", b"b", b"0.9"]


def test_repeating_a_partition_does_nothing_and_rebuilding_it_gives_the_same_bytes(twin, objects):
    plan = prepare(objects)
    transform(twin, plan)
    facts = partition.publish(objects, plan)
    first = dict(twin.objects)
    again = prepare(objects)
    assert again.done
    assert again.pending == ()
    assert partition.publish(objects, again) == facts
    objects.delete(entry.address for entry in objects.list(Address("b", HOME)))
    rebuilt = prepare(objects)
    transform(twin, rebuilt)
    partition.publish(objects, rebuilt)
    assert {k: v.body for k, v in twin.objects.items()} == {k: v.body for k, v in first.items()}


@pytest.mark.parametrize("damage", ["absent", "truncated"])
def test_only_what_has_no_whole_result_is_scored_again(twin, objects, damage):
    plan = prepare(objects)
    transform(twin, plan, shards=["part-00001.csv"])
    if damage == "truncated":
        twin.put("b", f"{plan.output.key}/part-00000.csv.out", "007,3\n")
    resumed = prepare(objects)
    assert resumed.pending == ("part-00000.csv",)
    transform(twin, resumed)
    assert partition.publish(objects, resumed)["rows"] == 3


@pytest.mark.parametrize("change", ["rows", "model"])
def test_other_rows_or_another_model_is_another_work_and_replaces_the_scores(twin, objects, change):
    plan = prepare(objects)
    transform(twin, plan)
    partition.publish(objects, plan)
    day = Partition(**(vars(DAY) | {"model": "iris/2"})) if change == "model" else DAY
    source = SOURCE.replace(b"1,2", b"1,9") if change == "rows" else SOURCE
    other = prepare(objects, source, day)
    assert other.key != plan.key
    assert len(other.pending) == 2
    assert twin.keys("b", HOME + "_SUCCESS"), "the old scores stay good until the new ones are whole"
    transform(twin, other)
    assert partition.publish(objects, other)["key"] == other.key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], r"2 rows went in, 1 came out; lost \['b'\], unknown \[\], twice \[\]"),
        (lambda lines: [*lines, "x,1"], r"3 came out; lost \[\], unknown \['x'\]"),
        (lambda lines: [lines[0], lines[0]], r"lost \['b'\], unknown \[\], twice \['007'\]"),
        (lambda lines: lines[::-1], "or in another order"),
        (
            lambda lines: ["007,b,0.9", *lines[1:]],
            r'got \["007", "b", "0.9"\], expected id and one prediction',
        ),
        (lambda lines: ["007,", *lines[1:]], r'line 1: got \["007", ""\], expected id and one prediction'),
        (lambda lines: ["007", *lines[1:]], r'line 1: got \["007"\], expected id and one prediction'),
    ],
)
def test_a_row_lost_invented_doubled_moved_or_empty_fails_and_nothing_is_published(
    twin, objects, change, message
):
    plan = prepare(objects)
    transform(twin, plan)
    transform(twin, plan, shards=["part-00000.csv"], change=change)
    with pytest.raises(PartitionError, match=message):
        partition.publish(objects, plan)
    assert not twin.keys("b", HOME + "_SUCCESS")
    assert not twin.keys("b", HOME + "scores")


def test_a_missing_result_names_the_shard(twin, objects):
    plan = prepare(objects)
    transform(twin, plan, shards=["part-00000.csv"])
    with pytest.raises(PartitionError, match=r"no result for 1 shard\(s\): \['part-00001.csv'\]"):
        partition.publish(objects, plan)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", r"rows.csv line 1: the header has no id, length, width; it has \[\]"),
        (b"id,length\n", "the header has no width"),
        (b"id,length,width\n", "rows.csv: no rows to score"),
        (b"id,length,width\na,1,2\nb,1\n", "rows.csv line 3: 2 values, the header has 3"),
        (b"id,length,width\na,1,2\na,1,2\n", "rows.csv line 3: id 'a' occurs twice"),
        (b"id,length,width\n,1,2\n", "rows.csv line 2: the id is empty"),
        (b"id,length,width\n\xff,1,2\n", "rows.csv: byte 16 is not UTF-8"),
    ],
)
def test_rows_that_cannot_be_scored_are_named_before_anything_is_written(twin, objects, source, message):
    with pytest.raises(PartitionError, match=message):
        prepare(objects, source)
    assert twin.objects == {}


@pytest.mark.parametrize("change", [{"ds": "../x"}, {"features": ()}, {"features": ("id",)}])
def test_a_partition_without_meaning_is_refused(change):
    with pytest.raises(PartitionError):
        Partition(**(vars(DAY) | change))


def test_a_byte_order_mark_and_line_breaks_in_values_do_no_harm(twin, objects):
    plan = prepare(objects, b'\xef\xbb\xbfid,length,width\n"a\nb",1,2\n')
    assert twin.body("b", f"{plan.work.key}/in/part-00000.csv") == b"a b,1,2\n"


def test_work_is_swept_only_after_publishing(twin, objects):
    plan = prepare(objects)
    with pytest.raises(PartitionError, match="no _SUCCESS"):
        partition.sweep(objects, DAY)
    transform(twin, plan)
    partition.publish(objects, plan)
    assert partition.sweep(objects, DAY) == 5
    assert twin.keys("b", HOME) == [HOME + name for name in ("_SUCCESS", "scores.csv", "scores.parquet")]
    assert prepare(objects).done


@pytest.mark.parametrize("kept", [0, 2, 5])
def test_publishing_that_was_ended_while_it_swept_is_taken_up_again(twin, objects, kept):
    plan = prepare(objects)
    transform(twin, plan)
    facts = partition.publish(objects, plan)
    work = [entry.address for entry in objects.list(DAY.home / "_work/")]
    objects.delete(work[kept:])
    assert partition.publish(objects, plan) == facts
    assert partition.sweep(objects, DAY) == kept


def test_a_partition_of_other_rows_is_not_taken_for_ones_own(twin, objects):
    plan, other = prepare(objects), prepare(objects, SOURCE.replace(b"1,2", b"1,9"))
    transform(twin, other)
    partition.publish(objects, other)
    with pytest.raises(PartitionError, match=r"no result for 2 shard\(s\)"):
        partition.publish(objects, plan)


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["1", "2"], "int64"), (["1", "2.5"], "double"), (["1", "x"], "string"), ([], "int64")],
)
def test_parquet_columns_have_the_narrowest_type(values, kind):
    table = parquet.read_table(io.BytesIO(to_parquet(["p"], [[value] for value in values])))
    assert str(table.schema.field("p").type) == kind
