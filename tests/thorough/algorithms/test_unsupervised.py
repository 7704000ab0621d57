"""PCA and K-means: what they find, and the form of their answers."""

import json

import numpy as np
import pytest

from .conftest import as_csv, as_recordio


@pytest.fixture(scope="module")
def flat():
    """200 points on a plane in 5 dimensions, off the origin."""
    generator = np.random.default_rng(3)
    plane = generator.normal(size=(200, 2)) * [10.0, 3.0]
    return (plane @ np.linalg.qr(generator.normal(size=(5, 5)))[0][:2] + 7.0).astype(np.float32)


@pytest.mark.parametrize(
    "more",
    [
        {"algorithm_mode": "regular"},
        {"algorithm_mode": "randomized"},
        {"algorithm_mode": "regular", "extra_components": 0},
        {"algorithm_mode": "randomized", "extra_components": 0},
    ],
)
def test_pca_keeps_the_distances_of_points_on_a_plane(container, flat, more):
    pca = container("pca").channel("train", as_recordio(flat))
    assert pca.train(feature_dim=5, num_components=2, mini_batch_size=50, **more) == 0, pca.failure

    answer = pca.ask(as_csv(flat))
    projected = np.array([row["projection"] for row in answer["projections"]])

    assert np.allclose(projected.mean(axis=0), 0, atol=1e-3)
    assert projected[:, 1].std() > projected[:, 0].std()  # the largest component is last
    assert np.allclose(
        np.linalg.norm(projected[0] - projected[1]), np.linalg.norm(flat[0] - flat[1]), rtol=1e-4
    )


def test_pca_without_centring_keeps_lengths(container, flat):
    pca = container("pca").channel("train", as_csv(flat), "text/csv;label_size=0")
    assert pca.train(feature_dim=5, num_components=3, mini_batch_size=50, subtract_mean="False") == 0, (
        pca.failure
    )

    line = pca.ask(as_csv(flat[:1]), accept="application/jsonlines")

    assert np.isclose(np.linalg.norm(json.loads(line)["projection"]), np.linalg.norm(flat[0]), rtol=1e-4)


def test_pca_cannot_find_more_components_than_there_are(container, flat):
    pca = container("pca").channel("train", as_recordio(flat))

    assert pca.train(feature_dim=5, num_components=6, mini_batch_size=50) == 2
    assert "num_components is 6; it must be at most 5" in pca.failure


KMEANS = {"k": 3, "feature_dim": 3, "mini_batch_size": 50}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"init_method": "kmeans++", "epochs": 3},
        {"extra_center_factor": 10, "local_lloyd_init_method": "random"},
        {"half_life_time_size": 500, "local_lloyd_num_trials": 3},
    ],
)
def test_kmeans_finds_the_clouds(container, blobs, more, metrics):
    kmeans = (
        container("kmeans").channel("train", as_recordio(blobs[0])).channel("test", as_recordio(blobs[0]))
    )
    assert kmeans.train(**KMEANS, eval_metrics='["msd","ssd"]', **more) == 0, kmeans.failure

    found = metrics("kmeans")
    answer = kmeans.ask(as_csv(blobs[0]))["predictions"]
    clusters = np.array([row["closest_cluster"] for row in answer])

    assert found["test:ssd"] == pytest.approx(found["test:msd"] * 180)
    assert found["test:msd"] < 1.0  # three coordinates with a variance of 0.25 each
    assert all(len(set(clusters[blobs[1] == label])) == 1 for label in range(3))
    squares = np.mean([row["distance_to_cluster"] ** 2 for row in answer])
    assert squares == pytest.approx(found["test:msd"], rel=1e-3)


def test_kmeans_in_csv(container, blobs):
    kmeans = container("kmeans").channel("train", as_recordio(blobs[0]))
    assert kmeans.train(**KMEANS) == 0

    cluster, distance = kmeans.ask(as_csv(blobs[0][:1]), accept="text/csv").decode().split(",")

    assert cluster in ("0.0", "1.0", "2.0")
    assert 0 < float(distance) < 3


@pytest.mark.parametrize("more", [{}, {"eval_metrics": '["msd"]'}])
def test_kmeans_prints_what_it_is_tuned_for(container, blobs, more, metrics):
    kmeans = (
        container("kmeans").channel("train", as_recordio(blobs[0])).channel("test", as_recordio(blobs[0]))
    )

    assert kmeans.train(**KMEANS, _tuning_objective_metric="test:ssd", **more) == 0, kmeans.failure

    assert metrics("kmeans").keys() >= {"test:ssd", "test:msd"}
