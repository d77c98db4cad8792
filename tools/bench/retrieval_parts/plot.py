"""Rate against recall of all systems, together and one by one."""
import math


def draw(title, curves, exact, path):
    """curves: {system: [{"recall", "rate", "single"}]}; exact: {"rate", "single"} of Segue's exact search."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(13, 5), sharey=False)
    for axis, kind, name in zip(axes, ("rate", "single"), ("queries together", "one by one")):
        for system, points in curves.items():
            style = {"linewidth": 2.5, "color": "#0969da", "zorder": 3} if system.startswith("segue") else {"linewidth": 1.2}
            places = [-math.log10(max(1 - point["recall"], 5e-4)) for point in points]
            axis.plot(places, [point[kind] for point in points], marker="o", markersize=3, label=system, **style)
        axis.axhline(exact[kind], linestyle="--", color="#0969da", linewidth=1.2, label="segue exact (recall 1)")
        ticks = [0.5, 0.8, 0.9, 0.95, 0.99, 0.999]
        axis.set_xticks([-math.log10(1 - tick) for tick in ticks], [str(tick) for tick in ticks])
        axis.set_yscale("log")
        axis.set_xlabel("recall@10")
        axis.set_ylabel("queries/s")
        axis.set_title(f"{title}: {name}", fontsize=10)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    pyplot.close(figure)
