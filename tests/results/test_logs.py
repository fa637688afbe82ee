"""The authors' logs as a table: the numbers of the file, blank where a log has no teacher."""

from adautomix.results import paper
from adautomix.results.logs import logs


def test_the_logs_are_those_of_the_file():
    shown = logs().set_index("method")
    where = {"dataset": "CIFAR-100", "backbone": "ResNet-18", "epochs": 200}
    value = paper.value("released_logs", method="AdAutoMix", predictor="teacher", **where)
    assert shown.loc["AdAutoMix", "teacher (%)"] == f"{value:.2f}"
    assert shown.loc["CutMix", "teacher (%)"] == ""
    assert shown.loc["AdAutoMix", "learning rate"] == "0.1 to 0.05"
