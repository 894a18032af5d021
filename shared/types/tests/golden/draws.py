"""What `shared/types/tests/draws.rs` holds means over draws against: numpy 2, scipy 1.

usage: python draws.py
"""

import numpy as np
from scipy import optimize, stats

IMAGES, DRAWS = 200, 3
# How many of a hundred images each rule misses in each draw.
MISSED = {"rr": [10, 12, 11], "erk": [30, 24, 27], "lamp": [10, 21, 17]}


def right(rule, draw):
    shift = 13 * draw + 29 * list(MISSED).index(rule)
    return np.array([(7 * image + shift) % 100 >= MISSED[rule][draw] for image in range(IMAGES)], float)


def crossed(table):
    """Mean, standard error and p (Cochran's rule) of a table of draws by images."""
    by_images = table.mean(axis=0).var(ddof=1) / IMAGES
    by_draws = table.mean(axis=1).var(ddof=1) / DRAWS
    variance = by_images + by_draws

    def too_far(p):
        critical = by_images * stats.t.isf(p / 2, IMAGES - 1) + by_draws * stats.t.isf(p / 2, DRAWS - 1)
        return critical / variance - abs(table.mean()) / np.sqrt(variance)

    p = optimize.brentq(too_far, 1e-12, 1, xtol=1e-16, rtol=1e-14)
    return [float(number) for number in (table.mean(), np.sqrt(variance), p)]


tables = {rule: np.stack([right(rule, draw) for draw in range(DRAWS)]) for rule in MISSED}
print("rr, its standard error:", crossed(tables["rr"])[:2])
for rule in ("erk", "lamp"):
    print("rr before", rule, "and p:", crossed(tables["rr"] - tables[rule])[::2])
