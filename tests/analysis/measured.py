"""Made-up results of studies of prompts, for tests of what is computed and drawn from them."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from analysis.coverage import Coverage
from analysis.diversity import Diversity
from analysis.levels import Level
from analysis.uncertainty import Floor, Interval

LONG = "a_very_long_name_of_a_condition_with, tau = 0.10 and words"
MODEL = "openai:gpt"
LONG_MODEL = "embedded:/home/somebody/models/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"


def level(
    condition: str,
    value: float,
    half: float | None = 0.1,
    *,
    measure: str = "diversity of words",
    model: str = MODEL,
    prompts: tuple[str, ...] = ("p",),
    n: int | None = 10,
) -> Level:
    interval = None if half is None else Interval(value - half, value + half)
    return Level(
        measure=measure, condition=condition, model=model, prompts=prompts, n_replies=50, n_askings=n, value=value, interval=interval
    )


def covered(condition: str = "direct", prompt: str = "die", model: str = MODEL, **keys: object) -> Coverage:
    """Of a prompt with two right answers, 1 and 2, of which 1 is given three times as often as 2."""
    return Coverage.model_validate(
        {
            "prompt": prompt,
            "condition": condition,
            "model": model,
            "n_planned": 20,
            "n_askings": 20,
            "n_replies": 20,
            "n_answers": 2,
            "n_found": 2,
            "n_found_interval": Interval(1.2, 2.0),
            "n_found_by_chance": 1.9,
            "precision": 0.8,
            "precision_interval": Interval(0.6, 0.95),
            "kl": 0.131,
            "kl_interval": Interval(0.05, 0.3),
            "kl_floor": Floor(0.02, 0.07),
            "shares": {"1": 0.75, "2": 0.25},
            "chi_square": None,
            "chi_square_n": 16,
            "chi_square_p": None,
            **keys,
        }
    )


def diverse(condition: str = "direct", model: str = MODEL, measure: str = "words", mean: float | None = 0.4, **keys: object) -> Diversity:
    first = condition == "direct"
    return Diversity.model_validate(
        {
            "measure": measure,
            "condition": condition,
            "model": model,
            "n_planned": 20,
            "n_askings": 20,
            "n_replies": 100,
            "n_prompts": 1,
            "n_without": 0,
            "by_prompt": {} if mean is None else {"p": mean},
            "mean": mean,
            "interval": None if mean is None else Interval(mean - 0.1, mean + 0.1),
            "ratio": None if first else 1.5,
            "ratio_interval": None if first else Interval(1.2, 1.9),
            **keys,
        }
    )


def apart(figure: Figure) -> None:
    """Looks that everything is on the page, and that neither its texts nor its axes lie on each other."""
    figure.canvas.draw()
    page = figure.bbox
    axes: list[Bbox] = [box for ax in figure.axes if (box := ax.get_tightbbox()) is not None]
    texts = [text.get_window_extent() for text in figure.texts]
    legends = [legend.get_window_extent() for legend in figure.legends]
    for box in [*axes, *texts, *legends]:
        assert box.x0 >= page.x0 and box.y0 >= page.y0 and box.x1 <= page.x1 and box.y1 <= page.y1, box
    for boxes in ([*texts, *legends], [*axes, *legends]):
        for i, one in enumerate(boxes):
            assert not any(one.overlaps(other) for other in boxes[:i]), one
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            drawn = [label for label in axis.get_ticklabels() if label.get_text() and label.get_visible()]
            labels = [label.get_window_extent() for label in drawn]
            for i, one in enumerate(labels):
                assert not any(one.overlaps(other) for other in labels[:i]), [label.get_text() for label in drawn]
