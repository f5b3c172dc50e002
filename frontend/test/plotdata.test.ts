import { describe, expect, test } from 'vitest';
import { extent, kindOf, plotOf, suitsLog, tally } from '../src/plotdata';
import { series } from './fixtures';

const NASTY = [
  ['NaN first', [NaN, 1, 2]],
  ['+Inf in the middle', [1, Infinity, 2]],
  ['-Inf last', [1, 2, -Infinity]],
  ['nothing but NaN', [NaN, NaN, NaN]],
  ['all three', [NaN, Infinity, -Infinity]],
] as const;

describe('what uPlot gets', () => {
  test.each(NASTY)('is finite or null: %s', (_, values) => {
    for (const log of [false, true]) {
      const { last, min, max } = plotOf(series([...values]), log);
      const wrong = [...last, ...min, ...max].filter((value) => value !== null && !Number.isFinite(value));
      expect(wrong).toEqual([]);
    }
  });

  test('has a null, and no bridge, where a value was not finite', () => {
    expect(plotOf(series([1, NaN, 3, Infinity, 5]), false).last).toEqual([1, null, 3, null, 5]);
  });

  test('is never undefined, which uPlot would bridge', () => {
    const ragged = series([1, 2, 3], { last: [1, 2], min: [], max: [1, null] });
    const { last, min, max } = plotOf(ragged, false);
    expect([last, min, max]).toEqual([[1, 2, null], [null, null, null], [1, null, null]]);
  });

  test('goes by step even where a log was continued from an earlier one', () => {
    const plot = plotOf(series([10, 20, 5], { step: [4, 8, 2], step_end: [4, 8, 2] }), false);
    expect([plot.x, plot.last, plot.bin]).toEqual([[2, 4, 8], [5, 10, 20], [2, 0, 1]]);
  });

  test('holds nothing at or below zero on a log axis, and says how many bins that hid', () => {
    const plot = plotOf(series([-1, 0, 2]), true);
    expect(plot.last).toEqual([null, null, 2]);
    expect(plot.offLog).toBe(2);
    expect(plotOf(series([-1, 0, 2]), false).offLog).toBe(0);
  });
});

describe('marks', () => {
  test('stand for every bin with a non-finite value, also beside finite ones', () => {
    const bins = series([1, 2, NaN], { step: [0, 10, 20], step_end: [9, 19, 29], nan: [3, 0, 10], posinf: [0, 1, 0], neginf: [0, 0, 2] });
    expect(plotOf(bins, false).marks).toEqual([
      { kind: 'nan', step: 0, stepEnd: 9, count: 3 },
      { kind: 'posinf', step: 10, stepEnd: 19, count: 1 },
      { kind: 'nan', step: 20, stepEnd: 29, count: 10 },
      { kind: 'neginf', step: 20, stepEnd: 29, count: 2 },
    ]);
  });

  test('are the same on a log axis', () => {
    const values = series([NaN, -5, Infinity]);
    expect(plotOf(values, true).marks).toEqual(plotOf(values, false).marks);
  });

  test('add up by kind', () => {
    expect(tally(plotOf(series([NaN, NaN, Infinity, 1, -Infinity]), false).marks)).toEqual({ nan: 2, posinf: 1, neginf: 1 });
  });
});

test('a finite point between two gaps is found, because a line cannot show it', () => {
  expect(plotOf(series([1, NaN, 3, NaN, 5, 6]), false).isolated).toEqual([0, 2]);
});

test('bins of one point have no band', () => {
  expect(plotOf(series([1, 2]), false).banded).toBe(false);
  expect(plotOf(series([1, 2], { step: [0, 2], step_end: [1, 3] }), false).banded).toBe(true);
});

test('the extent covers min and max inside the window only', () => {
  const plot = plotOf(series([5, 5, 5], { min: [1, 2, -100], max: [8, 9, 100] }), false);
  expect(extent(plot, 0, 1)).toEqual([1, 9]);
  expect(extent(plotOf(series([NaN, NaN]), false), -Infinity, Infinity)).toBeNull();
});

test.each([[null, null], [1, null], [NaN, 'nan'], [Infinity, 'posinf'], [-Infinity, 'neginf']])('%s is of kind %s', (value, kind) => {
  expect(kindOf(value)).toBe(kind);
});

test('a log axis is chosen for three decades above zero', () => {
  expect(suitsLog(series([1, 1000, NaN]))).toBe(true);
  expect(suitsLog(series([1, 999]))).toBe(false);
  expect(suitsLog(series([0, 1e9]))).toBe(false);
  expect(suitsLog(series([NaN]))).toBe(false);
});
