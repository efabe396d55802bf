// Numbers as the server's templates write them: dash for unknown, real minus, fixed digits.

const UNKNOWN = "–";

export function fixed(value, places) {
  if (value == null || !Number.isFinite(value)) return UNKNOWN;
  const text = Math.abs(value).toLocaleString("en-GB", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

export function signed(value, places) {
  const text = fixed(value, places);
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

export function signedPercent(fraction, places = 2) {
  return fraction == null ? UNKNOWN : `${signed(fraction * 100, places)}\u202f%`;
}

export function compact(value) {
  if (value == null || !Number.isFinite(value)) return UNKNOWN;
  for (const [limit, unit] of [[1e9, "B"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(value) >= limit) return `${fixed(value / limit, 2)}${unit}`;
  }
  return fixed(value, 2);
}

/** Digits after the point for a price of this size, when no tick says it. */
export function pricePlaces(value) {
  const size = Math.abs(value);
  if (size >= 100) return 2;
  return size >= 1 ? 4 : 6;
}
