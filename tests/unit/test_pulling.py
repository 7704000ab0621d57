"""What other tasks returned: asked for once while templates are rendered, and not beyond that."""

from sagewind.operators import pulling


class TaskInstance:
    """A task instance that notes what it is asked."""

    task_id = "train"

    def __init__(self):
        self.asked = []

    def xcom_pull(self, task_ids=None, **more):
        self.asked.append(task_ids)
        return {"of": task_ids, **more}


def test_the_same_question_is_asked_once_and_another_anew():
    ti = TaskInstance()
    context = pulling.once({"ti": ti, "params": {}})
    for name in ("ti", "task_instance"):
        assert context[name].xcom_pull("upload") == {"of": "upload"}
        assert context[name].xcom_pull("upload", key="other") == {"of": "upload", "key": "other"}
    assert ti.asked == ["upload", "upload"]
    assert context["ti"].task_id == "train"
    assert context["params"] == {}


def test_a_question_about_several_tasks_is_passed_on():
    ti = TaskInstance()
    context = pulling.once({"ti": ti})
    for _ in range(2):
        assert context["ti"].xcom_pull(["a", "b"]) == {"of": ["a", "b"]}
    assert ti.asked == [["a", "b"], ["a", "b"]]


def test_what_is_rendered_within_a_rendering_shares_its_answers_and_another_rendering_does_not():
    ti = TaskInstance()
    context = pulling.once({"ti": ti})
    assert pulling.once(context) is context
    context["ti"].xcom_pull("upload")
    pulling.once({"ti": ti})["ti"].xcom_pull("upload")
    assert ti.asked == ["upload", "upload"]
