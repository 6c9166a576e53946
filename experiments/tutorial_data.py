"""Write the small tables that the tutorials use, out of the public data sets.

    python experiments/tutorial_data.py [--data FOLDER] [--out tutorial]

Every table is a few hundred rows, so that each command takes less than a minute.

Reads: excavator_mwo, loghub2k, ai4i2020, concrete. Takes: less than 1 min.
"""

import argparse
import shutil
from pathlib import Path

import common
import conditions
import numpy as np
import pandas as pd

DEMO = Path(__file__).resolve().parent.parent / "data"
_REPAIR = "PM01"


def orders(data: Path, out: Path) -> None:
    """Repair orders of an excavator fleet by date: the first 300, and the 100 after them."""
    whole = pd.read_csv(common.existing(data / "excavator_mwo/case_study_pdl.csv"), dtype=str)
    repairs = whole[whole["PMType"] == _REPAIR].sort_values("BscStartDate", kind="stable")
    rows = repairs[["id", "BscStartDate", "Asset", "OriginalShorttext"]].dropna()
    rows.iloc[:300].to_csv(out / "orders_2001_2002.csv", index=False)
    rows.iloc[300:400].to_csv(out / "orders_new.csv", index=False)
    described = whole.dropna(subset=["OriginalShorttext"])
    is_repair = described["PMType"] == _REPAIR
    drawn = [
        described[part].sample(n, random_state=0).assign(planned=int(not is_normal))
        for part, n, is_normal in ((is_repair, 200, True), (~is_repair, 60, False))
    ]
    columns = ["id", "OriginalShorttext", "planned"]
    pd.concat(drawn)[columns].to_csv(out / "orders_planned.csv", index=False)


def logs(data: Path, out: Path) -> None:
    """Write lines of a supercomputer: 240 without an alert, and 80 more among 20 alerts."""
    path = common.existing(data / "loghub2k/BGL/BGL_2k.log_structured.csv")
    lines = pd.read_csv(path, dtype=str)[["LineId", "Label", "Time", "Node", "Content"]]
    lines["is_alert"] = (lines.pop("Label") != "-").astype(int)
    normal, alerts = lines[lines["is_alert"] == 0], lines[lines["is_alert"] == 1]
    normal.iloc[:240].drop(columns="is_alert").to_csv(out / "bgl_normal.csv", index=False)
    new = pd.concat([normal.iloc[240:320], alerts.sample(20, random_state=0)])
    new = new.sort_values("LineId", key=lambda ids: ids.astype(int))
    new.to_csv(out / "bgl_new.csv", index=False)


def machines(data: Path, out: Path) -> None:
    """Write machine states as Excel: 160 without failure, and 40 more among 12 failures."""
    path = common.existing(data / "ai4i2020/ai4i2020.csv")
    states = pd.read_csv(path, encoding="utf-8-sig", dtype=str)
    has_failed = states["Machine failure"] == "1"
    normal = states[~has_failed].sample(200, random_state=0)
    failed = states[has_failed].sample(12, random_state=0)
    train = normal.iloc[:160].drop(columns="Machine failure")
    train.to_excel(out / "machines_normal.xlsx", index=False)
    new = pd.concat([normal.iloc[160:], failed]).sample(frac=1, random_state=0)
    new.to_excel(out / "machines_new.xlsx", index=False)
    shutil.copyfile(path, out / path.name)


def concrete(data: Path, out: Path) -> None:
    """Write concrete mixes as Excel: 160 checked ones, and 40 new ones with three slips."""
    path = common.existing(data / "concrete/Concrete_Data.xls")
    mixes = pd.read_excel(path, engine="calamine").sample(frac=1, random_state=0)
    cement, water, age, strength = (str(mixes.columns[i]) for i in (0, 3, 7, 8))
    new = mixes.iloc[:40].reset_index(drop=True).astype(float)
    swapped = int(new[cement].to_numpy().argmax())
    new.loc[swapped, [cement, water]] = new.loc[swapped, [water, cement]].to_numpy()
    new[age] *= np.where(new.index == 23, 24, 1)  # hours for days
    # Thousand pounds per square inch for megapascals.
    new[strength] *= np.where(new.index == 31, 0.145, 1)
    mixes.iloc[40:200].to_excel(out / "concrete_checked.xlsx", index=False)
    new.to_excel(out / "concrete_new.xlsx", index=False)
    shutil.copyfile(path, out / path.name)
    common.say(f"slips in rows {swapped + 1}, 24 and 32 of concrete_new.xlsx")


def furnace(_: Path, out: Path) -> None:
    """Write an invented furnace: a week of spring, and hours of a warmer one with three faults."""
    rng = np.random.default_rng(0)
    conditions.furnace(672, rng).to_csv(out / "furnace_spring.csv", index=False)
    new = conditions.furnace(60, rng, warmer=10.0)
    for row, name, off in ((20, "Power [kW]", 5), (41, "Zone 2 [°C]", -5), (52, "Exit [°C]", -12)):
        new[name] = (new[name] + np.where(new.index == row - 1, off, 0)).round(1)
    new.to_csv(out / "furnace_summer.csv", index=False)


def japanese(_: Path, out: Path) -> None:
    """Write the demo's Japanese work orders as Japanese Excel exports them."""
    train = pd.read_csv(DEMO / "work_orders_ja_train.csv", dtype=str)
    train.to_csv(out / "orders_ja.csv", index=False, encoding="cp932", lineterminator="\r\n")
    new = pd.read_csv(DEMO / "work_orders_ja_new.csv", dtype=str)
    with pd.ExcelWriter(out / "orders_ja_new.xlsx") as book:
        about = pd.DataFrame({"説明": ["二枚目のシートに作業記録があります。"]})
        about.to_excel(book, sheet_name="はじめに", index=False)
        new.to_excel(book, sheet_name="作業", index=False)


def write_all(data: Path, out: Path) -> None:
    """Write every table into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for write in (orders, japanese, logs, machines, concrete, furnace):
        write(data, out)
        common.say(f"{write.__name__}: written into {out}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path("tutorial"), help="default: tutorial")
    options = parser.parse_args()
    write_all(options.data, options.out)


if __name__ == "__main__":
    main()
