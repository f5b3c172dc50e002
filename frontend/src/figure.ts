// Numbers as a reader sees them: four significant digits, and a non-finite value by its name.

const WHOLE_BELOW = 1e6;
const PLAIN_FROM = 1e-3;
const PLAIN_BELOW = 1e6;

export function figure(value: number | null): string {
  if (value === null) return '–';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < WHOLE_BELOW) return value.toLocaleString('en-US');
  if (size >= PLAIN_FROM && size < PLAIN_BELOW) {
    return Number(value.toPrecision(4)).toLocaleString('en-US', { maximumSignificantDigits: 4 });
  }
  return value.toExponential(3).replace(/\.?0+e/, 'e').replace('e+', 'e');
}

export function step(value: number | null): string {
  return value === null ? '–' : Math.round(value).toLocaleString('en-US');
}

export function percent(confidence: number): string {
  return `${Math.round(confidence * 100)} %`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  const unit = size < 1024 ** 2 ? 1 : size < 1024 ** 3 ? 2 : 3;
  return `${(size / 1024 ** unit).toFixed(1)} ${['B', 'kB', 'MB', 'GB'][unit]}`;
}

/** "1 file", "3 files". */
export function count(amount: number, noun: string): string {
  return `${amount.toLocaleString('en-US')} ${noun}${amount === 1 ? '' : 's'}`;
}
