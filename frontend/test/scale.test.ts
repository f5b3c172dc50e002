import { expect, test } from 'vitest';
import { linearRange, linearTicks, logRange, logTicks, type Span } from '../src/scale';

test.each<[string, Span | null]>([
  ['nothing finite', null],
  ['one value', [3, 3]],
  ['zero', [0, 0]],
  ['the whole of float64', [-Number.MAX_VALUE, Number.MAX_VALUE]],
  ['the largest float64', [Number.MAX_VALUE, Number.MAX_VALUE]],
])('the linear range of %s is finite and not empty', (_, span) => {
  const [low, high] = linearRange(span);
  expect(Number.isFinite(high - low)).toBe(true);
  expect(high).toBeGreaterThan(low);
});

test.each<Span>([[0.02, 3.4e38], [1, 1], [5e-324, 1.7e308]])('the log range of %d to %d is finite and whole decades', (low, high) => {
  const range = logRange([low, high]);
  expect(range.every((end) => Number.isFinite(end) && end > 0)).toBe(true);
  expect(range[1]).toBeGreaterThan(range[0]);
});

test('ticks are round and inside the range', () => {
  expect(linearTicks([-0.05, 1.05], 5)).toEqual([0, 0.25, 0.5, 0.75, 1]);
  expect(linearTicks([0.27, 0.62], 5)).toEqual([0.3, 0.4, 0.5, 0.6]);
});

test('a range beyond 1e16 still has ticks', () => {
  expect(linearTicks([0, 3.4e38], 4)).toEqual([0, 1e38, 2e38, 3e38]);
});

test('log ticks are decades, thinned when there are many', () => {
  expect(logTicks([1, 1000], 5)).toEqual([1, 10, 100, 1000]);
  expect(logTicks([1, 1e38], 4).map((tick) => Math.round(Math.log10(tick)))).toEqual([0, 10, 20, 30]);
});
