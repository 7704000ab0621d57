"""Whether events reach the bus: it is asked seldom whether it has a rule, and a new one misses nothing."""

import threading

from sagelocal.eventbridge import EventBridge
from sagelocal.events import Event

PATIENCE_SECONDS = 30


class Bus:
    """A client of EventBridge, whose bus may have a rule."""

    def __init__(self):
        self.has_rule, self.asked, self.told = False, 0, []
        self.news = threading.Condition()

    def list_rules(self, **_):
        with self.news:
            self.asked += 1
            self.news.notify_all()
            return {"Rules": ["approved"] if self.has_rule else []}

    def put_events(self, *, Entries):  # noqa: N803  (boto3's)
        with self.news:
            self.told += [entry["Resources"][0] for entry in Entries]
            self.news.notify_all()
            return {"Entries": []}

    def wait(self, known):
        with self.news:
            assert self.news.wait_for(known, PATIENCE_SECONDS)


def tell(bridge, *names):
    for name in names:
        bridge.tell(Event(detail_type="Change", resources=(name,), detail={}, moment=0.0))


def test_what_happens_after_a_rule_was_made_is_told_though_there_was_none_a_moment_ago():
    bus = Bus()
    bridge = EventBridge(lambda: bus)
    tell(bridge, "before")
    bus.wait(lambda: bus.asked)
    bus.has_rule = True
    tell(bridge, "first", "second")
    bus.wait(lambda: "second" in bus.told)
    assert bus.told == ["first", "second"]


def test_without_a_rule_many_events_are_few_questions():
    bus = Bus()
    bridge = EventBridge(lambda: bus)
    tell(bridge, "before")
    bus.wait(lambda: bus.asked == 1)
    tell(bridge, *map(str, range(1000)))
    bus.wait(lambda: bus.asked > 1)
    bus.has_rule = True
    tell(bridge, "last")
    bus.wait(lambda: bus.told)
    assert bus.told == ["last"]
    assert bus.asked < 10
