// Bins to uPlot columns.
// Law 1: nothing non-finite reaches uPlot. It bridges NaN without a word, and one infinity empties its y scale; null is a gap.
// Law 2: every bin with a non-finite value leaves a mark, whatever else the bin holds.

import type { Series } from './report';

export type Kind = 'nan' | 'posinf' | 'neginf';
export type Column = (number | null)[];

export const KINDS: readonly Kind[] = ['posinf', 'nan', 'neginf'];
export const KIND_LABEL: Record<Kind, string> = { nan: 'NaN', posinf: '+Inf', neginf: '-Inf' };

export interface Mark {
  kind: Kind;
  step: number;
  stepEnd: number;
  count: number;
}

export interface Plot {
  x: number[];
  last: Column;
  min: Column;
  max: Column;
  /** Index in the series of each column entry: columns go by step. */
  bin: number[];
  /** Some bin holds more than one point, so that min and max say more than last. */
  banded: boolean;
  marks: Mark[];
  /** Finite points with a gap on both sides, which a line cannot show. */
  isolated: number[];
  /** Bins whose finite values a log axis cannot show. */
  offLog: number;
}

export function plotOf(series: Series, log: boolean): Plot {
  const bin = series.step.map((_, index) => index).sort((a, b) => series.step[a]! - series.step[b]!);
  const column = (values: readonly (number | null)[]): Column => bin.map((index) => drawable(values[index], log));
  const last = column(series.last);
  return {
    x: bin.map((index) => series.step[index]!),
    last,
    min: column(series.min),
    max: column(series.max),
    bin,
    banded: series.step.some((start, index) => series.step_end[index] !== start),
    marks: bin.flatMap((index) => marksOf(series, index)),
    isolated: isolatedIn(last),
    offLog: log ? bin.filter((index) => isOffLog(series.min[index])).length : 0,
  };
}

/** The smallest and largest finite value with x from `from` to `to`; null when there is none. */
export function extent(plot: Plot, from: number, to: number): [number, number] | null {
  let [low, high] = [Infinity, -Infinity];
  plot.x.forEach((x, index) => {
    if (x < from || x > to) return;
    for (const value of [plot.min[index], plot.last[index], plot.max[index]]) {
      if (value === null || value === undefined) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  });
  return low <= high ? [low, high] : null;
}

export function kindOf(value: number | null): Kind | null {
  if (value === null || Number.isFinite(value)) return null;
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'posinf' : 'neginf';
}

export function tally(marks: readonly Mark[]): Record<Kind, number> {
  const total = { nan: 0, posinf: 0, neginf: 0 };
  for (const mark of marks) total[mark.kind] += mark.count;
  return total;
}

/** A log axis serves when the finite values are all above zero and span three decades. */
export function suitsLog(series: Series): boolean {
  const span = extent(plotOf(series, false), -Infinity, Infinity);
  return span !== null && span[0] > 0 && span[1] / span[0] >= 1e3;
}

function marksOf(series: Series, index: number): Mark[] {
  const [step, stepEnd] = [series.step[index]!, series.step_end[index]!];
  return KINDS.flatMap((kind) => {
    const shown = kindOf(series.last[index] ?? null) === kind ? 1 : 0;
    const count = Math.max(series[kind][index] ?? 0, shown);
    return count > 0 ? [{ kind, step, stepEnd, count }] : [];
  });
}

function drawable(value: number | null | undefined, log: boolean): number | null {
  if (value === null || value === undefined || !Number.isFinite(value)) return null;
  return log && value <= 0 ? null : value;
}

function isolatedIn(column: Column): number[] {
  const gap = (index: number): boolean => (column[index] ?? null) === null;
  return column.flatMap((value, index) => (value !== null && gap(index - 1) && gap(index + 1) ? [index] : []));
}

function isOffLog(value: number | null | undefined): boolean {
  return typeof value === 'number' && value <= 0;
}
