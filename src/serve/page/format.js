// Words for times, amounts and names.

export const count = (value) => Number(value).toLocaleString("en-US");

export const plural = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;

// Simulated time in nanoseconds, as `2h 03m 04s`.
export function time(ns, isExact = false) {
  if (ns === null || ns === undefined) return "–";
  const sign = ns < 0 ? "-" : "";
  let seconds = Math.abs(ns) / 1e9;
  if (seconds < 60) return `${sign}${Number(seconds.toFixed(isExact ? 3 : seconds < 10 ? 2 : 1))}s`;
  const days = Math.floor(seconds / 86400); seconds -= days * 86400;
  const hours = Math.floor(seconds / 3600); seconds -= hours * 3600;
  const minutes = Math.floor(seconds / 60); seconds -= minutes * 60;
  const rest = isExact ? Number(seconds.toFixed(3)) : Math.floor(seconds);
  const pad = (value) => String(value).padStart(2, "0");
  if (days) return `${sign}${days}d ${pad(hours)}h ${pad(minutes)}m${isExact && rest ? ` ${rest}s` : ""}`;
  if (hours) return `${sign}${hours}h ${pad(minutes)}m${rest || isExact ? ` ${pad(rest)}s` : ""}`;
  return `${sign}${minutes}m${rest ? ` ${pad(rest)}s` : ""}`;
}

// An amount in thousandths of a unit.
export function amount(resource, milli) {
  const value = milli / 1000;
  if (/memory|storage|hugepages|bytes/.test(resource)) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let at = 0; let own = value;
    while (Math.abs(own) >= 1024 && at < units.length - 1) { own /= 1024; at += 1; }
    return `${Number(own.toFixed(own < 10 ? 2 : 1))} ${units[at]}`;
  }
  return Number(value.toFixed(value < 10 ? 3 : 1)).toLocaleString("en-US");
}

export const amounts = (asks) => Object.entries(asks ?? {})
  .filter(([, milli]) => milli > 0)
  .map(([resource, milli]) => `${resource} ${amount(resource, milli)}`)
  .join(", ");

// Name without its kind: `shop/web-0` of `Pod/shop/web-0`.
export const short = (name) => name.replace(/^[^/]+\//, "");
export const kindOf = (name) => name.split("/")[0];

export const when = (seconds) => new Date(seconds * 1000).toLocaleString(undefined,
  { dateStyle: "medium", timeStyle: "short" });

export function metric(value, unit) {
  if (value === null || value === undefined) return "–";
  if (unit === "ratio") return `${(value * 100).toFixed(1)} %`;
  if (unit === "s") return time(value * 1e9);
  const digits = Math.abs(value) >= 1000 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  const unitIsWord = unit && !["pods", "count", "1"].includes(unit);
  return `${value.toLocaleString("en-US", { maximumFractionDigits: digits })}${unitIsWord ? ` ${unit}` : ""}`;
}
