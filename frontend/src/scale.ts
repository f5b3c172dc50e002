// Ranges and ticks of the y axis. uPlot's own increments end at 1e16, and a loss on its way to infinity does not.

export type Span = [number, number];

const PAD = 0.06;
const BIGGEST = Number.MAX_VALUE / 8;

export function linearRange(span: Span | null): Span {
  if (span === null) return [0, 1];
  const [low, high] = [clamp(span[0]), clamp(span[1])];
  const pad = high > low ? (high - low) * PAD : Math.abs(high) * 0.1 || 1;
  return [low - pad, high + pad];
}

/** Whole decades around a span above zero. */
export function logRange(span: Span | null): Span {
  if (span === null) return [1, 10];
  const low = Math.max(-307, Math.floor(Math.log10(span[0])));
  const high = Math.min(307, Math.ceil(Math.log10(span[1])));
  return [10 ** low, 10 ** Math.max(high, low + 1)];
}

export function linearTicks([low, high]: Span, wanted: number): number[] {
  const step = niceStep((high - low) / Math.max(1, wanted));
  const first = Math.ceil(low / step);
  const amount = Math.floor(high / step) - first + 1;
  // 12 digits take away what binary fractions leave behind: 0.30000000000000004
  return Array.from({ length: Math.max(0, amount) }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

export function logTicks([low, high]: Span, wanted: number): number[] {
  const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  const stride = Math.max(1, Math.ceil((last - first) / Math.max(1, wanted)));
  const amount = Math.floor((last - first) / stride) + 1;
  return Array.from({ length: amount }, (_, index) => 10 ** (first + index * stride));
}

function niceStep(rough: number): number {
  const decade = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((candidate) => candidate * decade >= rough) ?? 10;
  return factor * decade;
}

function clamp(value: number): number {
  return Math.max(-BIGGEST, Math.min(BIGGEST, value));
}
