import { expect, test } from 'vitest';
import { matching, worstFirst } from '../src/order';
import type { Status } from '../src/report';
import { run } from './fixtures';

const names = (runs: { run: string }[]): string[] => runs.map((item) => item.run);

test('the worst run is first', () => {
  const worst: Status[] = ['nonfinite', 'silent', 'recovered', 'unhealthy', 'unreadable', 'healthy', 'empty'];
  const runs = worst.map((status) => run({ run: 'same', status })).reverse();
  expect(worstFirst(runs).map((item) => item.status)).toEqual(worst);
});

test('equals go by name as a person counts', () => {
  expect(names(worstFirst(['run10', 'run2', 'Run1', 'a/b'].map((name) => run({ run: name }))))).toEqual(['a/b', 'Run1', 'run2', 'run10']);
});

test('a status of tomorrow comes last and is not lost', () => {
  expect(names(worstFirst([run({ run: 'new', status: 'odd' as Status }), run({ run: 'none', status: 'empty' })]))).toEqual(['none', 'new']);
});

test('ordering leaves the report as it was', () => {
  const runs = Object.freeze([run({ run: 'b' }), run({ run: 'a' })]);
  worstFirst(runs);
  expect(names([...runs])).toEqual(['b', 'a']);
});

test('the filter ignores case and spaces around, and is no pattern', () => {
  const runs = ['Sweep/1', 'base', 'a.c', 'abc'].map((name) => run({ run: name }));
  expect(names(matching(runs, ' sweep '))).toEqual(['Sweep/1']);
  expect(names(matching(runs, 'a.c'))).toEqual(['a.c']);
  expect(matching(runs, '')).toHaveLength(4);
});
