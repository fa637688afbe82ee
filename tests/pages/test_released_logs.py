"""The authors' logs on the page on paper and code are the transcribed ones."""

import pytest

from adautomix.pages import released_logs
from adautomix.results import paper


def test_the_logs_are_the_transcribed_numbers_side_by_side():
    frame = released_logs.logs()
    for row in frame.itertuples():
        where = {"method": row.method, "dataset": row.dataset, "backbone": row.backbone}
        for predictor in ("classifier", "teacher"):
            asked = where | {"predictor": predictor, "epochs": row.epochs, "metric": "top1_percent"}
            assert getattr(row, predictor) == paper.value("released_logs", **asked)
    both = paper.select("released_logs", metric="top1_percent", predictor="teacher")
    assert len(frame) == len(both)


def test_the_paper_s_number_stands_beside_a_log_of_as_many_epochs():
    frame = released_logs.logs()
    short = (frame["dataset"] == "CIFAR-100") & (frame["epochs"] == 200)
    nets = frame["backbone"].str.startswith("Res")
    assert frame.loc[short & nets, "paper"].isna().all()
    assert frame.loc[~(short & nets), "paper"].notna().all()
    found = released_logs.logged_networks()
    assert found["paper_adautomix"] == pytest.approx(found["log_teacher"], abs=0.01)
    assert found["log_classifier"] < found["log_teacher"] - 5
    assert found["least_lead"] > 2 * found["most_elsewhere"]
    assert found["teacher_leads"] <= found["pairs"] == len(frame)


def test_the_table_of_the_logs_leaves_blank_what_is_not_there():
    text = released_logs.logs_in_text().frame
    assert set(text["paper prints (%)"][text["paper prints (%)"] != ""].str.len()) == {5}
    assert (text["paper prints (%)"] == "").sum() == released_logs.logs()["paper"].isna().sum() > 0
