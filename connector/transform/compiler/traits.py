"""What a run's figures are counted by: when the event was, its currency, and by what it can be matched."""

from connector.hashed import MATCHED_BY
from connector.transform.compiler.context import Context, Level
from connector.transform.compiler.identity import Identifier

NAMES = ("event_time", "currency", "marks")


def compile_traits(context: Context, identifiers: list[Identifier]) -> None:
    """Puts marks, bit n of which is set where the row has MATCHED_BY[n], and currency, where no column gives one."""
    has = {one.name: one.present for one in identifiers}
    has |= {name: f"{text} IS NOT NULL" for name in ("tiktok_click_id", "cookie_id") if (text := context.text(name))}
    if context.text("ip"):
        has["ip"] = "usable_ip IS NOT NULL"
    bits = " + ".join(
        f"CASE WHEN {has[name]} THEN {1 << number} ELSE 0 END" for number, name in enumerate(MATCHED_BY) if name in has
    )
    context.layers.put(Level.OUTCOME, "marks", f"({bits or '0'})::UTINYINT")
    if not context.text("currency"):
        context.layers.put(Level.NORMAL, "currency", "'USD'")
