"""A topic divided among machines: the division is a partition of the topic, and folders say what they hold."""

import shutil
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alertferry.consumer import verify
from alertferry.consumer.archive import Archive
from alertferry.consumer.finished import finished
from alertferry.consumer.folder import Folder
from alertferry.consumer.shards import Shard, absent, lacking, marked, share_of
from alertferry.consumer.spans import Span, coverage, total
from alertferry.core.errors import UsageError
from tests.delivered import chunk, complete, label, recipe
from tests.publishing import keyed, light_alerts

topics = st.dictionaries(st.integers(0, 40), st.integers(0, 10_000), max_size=12)
counts = st.integers(1, 20)


def portions(ends, count):
    return [Shard(number, count).portion(ends) for number in range(1, count + 1)]


@given(topics, counts)
def test_all_shards_together_are_the_topic_and_no_offset_is_in_two(ends, count):
    pieces = [
        Span(number, part.start, part.end) for portion in portions(ends, count) for number, part in portion.items()
    ]
    assert total(pieces) == sum(ends.values())
    assert {number: parts[-1].end for number, parts in coverage(span for span in pieces if span.size).items()} == {
        number: end for number, end in ends.items() if end
    }
    assert all(parts[0].start == 0 and len(parts) == 1 for parts in coverage(pieces).values())


@given(topics, counts)
def test_fewer_partitions_than_shards_are_cut_into_equal_lengths(ends, count):
    if len(ends) < count:
        sizes = [sum(part.end - part.start for part in portion.values()) for portion in portions(ends, count)]
        assert max(sizes) - min(sizes) <= 1


@given(topics, topics, counts)
def test_a_division_by_partition_does_not_depend_on_where_they_end(early, late, count):
    late = {number: late.get(number, 0) + end for number, end in early.items()}
    if len(early) >= count:
        assert not Shard(1, count).needs_receipt(len(early))
        for before, after in zip(portions(early, count), portions(late, count), strict=True):
            assert list(before) == list(after)
            assert all(part.start == 0 for part in after.values())


def test_ten_partitions_and_five_machines():
    ends = dict.fromkeys(range(10), 100)
    assert sorted(Shard(2, 5).portion(ends)) == [1, 6]
    assert Shard(2, 5).portion({0: 100}) == {0: (20, 40)}


@pytest.mark.parametrize("text", ["", "2", "0/5", "6/5", "2/0", "a/b", "1/1001", "-1/2", "2/5/7"])
def test_texts_that_are_no_shard(text):
    with pytest.raises(UsageError, match="--shard"):
        Shard.parse(text)


def test_texts_that_are_shards():
    assert str(Shard.parse(" 2/5 ")) == "2/5"
    assert absent([Shard(1, 3), Shard(3, 3)]) == [Shard(2, 3)]


MESSAGES = keyed(light_alerts(60))
ENDS = {0: 20, 1: 20, 2: 20}


def shard_folder(path, shard, kind="parquet", about=None, messages=MESSAGES):
    """The folder of one shard, fetched in one run."""
    about = about or complete(messages, ENDS)
    folder = Folder(path, label(kind, about, shard=shard))
    folder.open(from_beginning=False)
    archive = Archive(recipe(path, kind, shard=str(shard)))
    wrote = False
    for number, part in shard.portion(ENDS).items():
        own = messages[number * 20 + part.start : number * 20 + part.end]
        if own:
            archive.write(chunk(number, part.start, own))
            wrote = True
    if not wrote:
        archive.write_empty()
    folder.close()
    return path


def merge(target, *folders):
    for folder in folders:
        shutil.copytree(folder, target, dirs_exist_ok=True)
    return target


@pytest.mark.parametrize("kind", ["parquet", "avro"])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shards_are_proved_alone_and_together(tmp_path, kind, count):
    shards = [Shard(number, count) for number in range(1, count + 1)]
    folders = [shard_folder(tmp_path / shard.stem, shard, kind) for shard in shards]
    names = Counter(
        path.name for folder in folders for path in folder.rglob("*") if path.suffix in (".json", f".{kind}")
    )
    del names["_job.json"]
    assert set(names.values()) == {1}
    for shard, folder in zip(shards, folders, strict=True):
        found = verify(folder)
        assert (found.ok, found.shard, found.digest_ok) == (True, str(shard), None), found.problems
        assert f"the shard {shard} is complete" in str(found)
        assert found.alerts == share_of(complete(MESSAGES, ENDS).receipt, shard)
    # any order, and one of them twice
    whole = merge(tmp_path / "whole", *reversed(folders), folders[0])
    found = verify(whole)
    assert (found.ok, found.alerts, found.shard) == (True, 60, None if count > 1 else "1/1"), found.problems
    assert found.digest_ok is (True if count > 1 else None)


def test_a_shard_that_is_not_there_is_named(tmp_path):
    folders = [shard_folder(tmp_path / str(number), Shard(number, 5)) for number in (1, 2, 4, 5)]
    found = verify(merge(tmp_path / "whole", *folders))
    assert (found.ok, found.missing) == (False, 12)
    [problem] = found.problems
    assert "shard 3/5 is not here, with 12 alerts" in problem
    assert "--shard 3/5" in problem


def test_a_file_that_is_missing_in_a_shard(tmp_path):
    folder = shard_folder(tmp_path, Shard(2, 3))
    [victim] = folder.glob("*.parquet")
    victim.unlink()
    found = verify(folder)
    assert (found.ok, found.missing, found.shard) == (False, 20, "2/3")
    assert victim.name in found.problems[0]


def test_offsets_that_a_shard_has_not_fetched(tmp_path):
    folder = Folder(tmp_path, label(about=complete(MESSAGES, ENDS), shard=Shard(2, 3)))
    folder.open(from_beginning=False)
    Archive(recipe(tmp_path, shard="2/3")).write(chunk(1, 0, MESSAGES[20:35]))
    folder.close()
    found = verify(tmp_path)
    assert (found.ok, found.missing) == (False, 5)
    assert found.problems == ("partition 1, offsets 15 to 19: not fetched; consume the topic again",)


def test_the_receipt_may_be_in_any_shard(tmp_path):
    whole = complete(MESSAGES, ENDS)
    early = whole.model_copy(update={"state": "publishing", "receipt": None})
    first = shard_folder(tmp_path / "a", Shard(1, 2), about=whole)
    second = shard_folder(tmp_path / "b", Shard(2, 2), about=early)
    assert verify(merge(tmp_path / "whole", first, second)).ok


def test_shards_of_different_division_into_folders_do_not_fit(tmp_path):
    first, second = Shard(1, 2), Shard(2, 2)
    shard_folder(tmp_path / "a", first)
    shard_folder(tmp_path / "b", second)
    mark = next((tmp_path / "b/_shards").iterdir())
    mark.write_text(mark.read_text().replace('"format": "parquet"', '"format": "parquet", "partition_by": "band"'))
    found = verify(merge(tmp_path / "whole", tmp_path / "b", tmp_path / "a"))
    assert not found.ok
    assert "the shard 2/2 does not fit" in found.problems[0]


def opened(path, shard=None):
    folder = Folder(path, label(about=complete(MESSAGES, ENDS), shard=shard))
    folder.open(from_beginning=False)
    return folder


def test_a_folder_keeps_its_shard(tmp_path):
    shard_folder(tmp_path / "a", Shard(1, 3))
    for other in (Shard(2, 3), Shard(1, 2), None):
        with pytest.raises(UsageError, match="holds the shard 1/3"):
            opened(tmp_path / "a", other)
    opened(tmp_path / "a", Shard(1, 3)).close()
    opened(tmp_path / "b").close()
    with pytest.raises(UsageError, match="holds files of the whole topic"):
        opened(tmp_path / "b", Shard(1, 3))


def test_a_shard_in_place_of_a_folder_that_was_removed_brings_its_proof_along(tmp_path):
    """Records of the whole topic are still beside the folder; those of the shard are in it all the same."""
    path = tmp_path / "alerts"
    opened(path).close()
    whole = Folder(path, label(about=complete(MESSAGES, ENDS)))
    whole.open(from_beginning=False)
    Archive(recipe(path)).write(chunk(0, 0, MESSAGES[:20]))
    whole.close()
    shutil.rmtree(path)
    shard_folder(path, Shard(1, 2))
    second = shard_folder(tmp_path / "b", Shard(2, 2))
    assert verify(merge(tmp_path / "whole", path, second)).ok
    assert (tmp_path / "_alerts.records.1/_commits").is_dir()


def test_merged_shards_can_be_made_whole_without_shard(tmp_path):
    folders = [shard_folder(tmp_path / str(number), Shard(number, 3)) for number in (1, 2)]
    whole = merge(tmp_path / "whole", *folders)
    with pytest.raises(UsageError, match="holds the shards 1/3, 2/3"):
        opened(whole, Shard(3, 3))
    folder = opened(whole)
    assert folder.alerts == 40
    assert lacking(folder.coverage(), Shard(1, 1).portion(ENDS)) == [Span(2, 0, 20)]
    folder.close()
    assert marked(whole) == []
    Archive(recipe(whole)).write(chunk(2, 0, MESSAGES[40:]))
    assert verify(whole).ok


def test_a_complete_shard_outlives_its_topic(tmp_path):
    shard_folder(tmp_path, Shard(2, 3))
    assert finished(tmp_path, label(shard=Shard(2, 3))).alerts == 20
    assert finished(tmp_path, label(shard=Shard(1, 3))) is None
    assert finished(tmp_path, label()) is None


def test_a_whole_of_shards_outlives_its_topic(tmp_path):
    folders = [shard_folder(tmp_path / str(number), Shard(number, 2)) for number in (1, 2)]
    assert finished(merge(tmp_path / "whole", *folders), label()).alerts == 60
