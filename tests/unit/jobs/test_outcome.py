"""What a job gave, as it stands in reports and on model cards, which everybody reads."""

from sagewind.jobs import outcome


def test_hyperparameters_are_the_scripts_own_and_secrets_among_them_are_not_told():
    given = {
        "trees": "10",
        "api_key": "abcdefgh",
        "registry": "https://user:abcdefgh@example.org",
        "max-tokens": "256",
        "sagemaker_program": "train.py",
        "_tuning_objective_metric": "accuracy",
    }
    shown = {"trees": "10", "api_key": "***", "registry": "***", "max-tokens": "256"}
    assert outcome.hyperparameters({"HyperParameters": given}) == shown
    assert outcome.hyperparameters({}) == {}
