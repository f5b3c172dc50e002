"""Small Keras programs that really fail, each for one reason, and their repaired twins.

Law: importing this package imports the standard library alone; a program is imported when it runs.
"""

from __future__ import annotations

from typing import Final

from tb_nan_plugin.demos._demo import Demo

ALL: Final = (
    Demo(
        name="unscaled-features",
        cause="unscaled-features",
        title="a regression on raw features, thousands beside units",
        remedy="standardise the features",
        module="tb_nan_plugin.demos.unscaled_features",
    ),
    Demo(
        name="relu-output",
        cause="output-activation-mismatch",
        title="ReLU as the output of a regression whose targets are negative",
        remedy="a linear output",
        module="tb_nan_plugin.demos.relu_output",
    ),
    Demo(
        name="learning-rate",
        cause="learning-rate-too-high",
        title="a learning rate far too high",
        remedy="a schedule that warms up to an ordinary rate and decays",
        module="tb_nan_plugin.demos.learning_rate",
    ),
    Demo(
        name="constant-column",
        cause="zero-variance-feature",
        title="a constant column, standardised by hand: 0/0 in every row",
        remedy="leave a column without spread undivided",
        module="tb_nan_plugin.demos.constant_column",
    ),
    Demo(
        name="log-of-zero",
        cause="loss-log-of-zero",
        title="a hand-written cross-entropy, and a prediction that reaches 1",
        remedy="the built-in loss, which keeps predictions off 0 and 1",
        module="tb_nan_plugin.demos.log_of_zero",
    ),
    Demo(
        name="deep-sigmoid",
        cause="saturated-activation",
        title="a deep sigmoid network fed raw pixels from 0 to 255",
        remedy="pixels from 0 to 1, and ReLU",
        module="tb_nan_plugin.demos.deep_sigmoid",
    ),
    Demo(
        name="exp-layer",
        cause="layer-overflow",
        title="a hand-written softmax whose exp has no guard",
        remedy="subtract the largest logit before exp",
        module="tb_nan_plugin.demos.exp_layer",
    ),
)
