"""The local hub speaks as the real one does, to the hub's own client."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download

from local_hub import DATASET, REVISION, LocalHub


def test_the_hubs_own_client_fetches_a_file_from_it(local_hub: LocalHub, tmp_path: Path) -> None:
    local_hub.files["data/train-00000-of-00001.parquet"] = b"PAR1" * 1000
    found = hf_hub_download(
        DATASET,
        "data/train-00000-of-00001.parquet",
        repo_type="dataset",
        revision=REVISION,
        cache_dir=tmp_path,
    )
    assert Path(found).read_bytes() == b"PAR1" * 1000


def test_the_hubs_own_client_lists_its_files(local_hub: LocalHub) -> None:
    local_hub.files |= {"README.md": b"# pairs", "data/train-00000-of-00001.parquet": b"PAR1"}
    info = HfApi().dataset_info(DATASET, revision=REVISION)
    assert info.sha == REVISION
    assert [s.rfilename for s in info.siblings or ()] == sorted(local_hub.files)
    [entry] = HfApi().get_paths_info(DATASET, ["README.md"], repo_type="dataset", revision=REVISION)
    assert (entry.path, entry.size) == ("README.md", 7)
