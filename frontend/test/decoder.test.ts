import { describe, expect, test } from 'vitest';
import { decodeAnswer, decodeTimeline, number } from '../src/decoder';
import type { Answer, Timeline } from '../src/report';
import { run, series, verdict } from './fixtures';

const wire = (value: unknown): never => value as never;

function answer(report: unknown): Answer {
  return { state: 'ready', message: '', log_dir: 'logs', generation: 1, report: wire(report) };
}

describe('a number on the wire', () => {
  test.each([['NaN', NaN], ['Infinity', Infinity], ['-Infinity', -Infinity], [0, 0], [-1.5, -1.5]])('%s is %s', (text, value) => {
    expect(number(text)).toBe(value);
  });

  test('null stays null, because nothing measured is not NaN', () => {
    expect(number(null)).toBeNull();
  });

  test.each(['nan', '1.5', '', 'toString', true, {}])('%j is refused', (value) => {
    expect(() => number(value)).toThrow('Expected a number');
  });
});

test('a run, a signal or a layer called NaN keeps its name', () => {
  const evidence = [{ signal: 'Infinity', where: 'NaN', step: 3, observed: wire('NaN'), claim: '', because: '-Infinity' }];
  const decoded = decodeAnswer(answer({ schema: 1, log_dir: 'NaN', runs: [run({ run: 'NaN', verdict: verdict({ evidence }) })] }));
  const only = decoded.report!.runs[0]!;
  expect([decoded.report!.log_dir, only.run]).toEqual(['NaN', 'NaN']);
  expect(only.verdict!.evidence[0]).toEqual({ ...evidence[0], observed: NaN });
});

test('evidence of findings is decoded too', () => {
  const finding = { ...verdict(), severity: 'warning' as const, step: 0, evidence: [{ ...verdict().evidence[0]!, observed: wire('-Infinity') }] };
  const decoded = decodeAnswer(answer({ schema: 1, log_dir: '', runs: [run({ findings: [finding] })] }));
  expect(decoded.report!.runs[0]!.findings[0]!.evidence[0]!.observed).toBe(-Infinity);
});

test('a report of another schema is refused with a sentence that says what to do', () => {
  expect(() => decodeAnswer(answer({ schema: 2, log_dir: '', runs: [] }))).toThrow(/schema 1.*schema 2.*Restart TensorBoard/s);
});

test('no report yet stays null', () => {
  expect(decodeAnswer(answer(null)).report).toBeNull();
});

test('a timeline is decoded in every column that holds values', () => {
  const timeline: Timeline = { run: 'NaN', first_nonfinite: null, series: [series([1, 2, 3], { last: wire([1, 'NaN', 'Infinity']), min: wire([1, null, 3]) })] };
  const decoded = decodeTimeline(timeline);
  expect(decoded.run).toBe('NaN');
  expect(decoded.series[0]!.last).toEqual([1, NaN, Infinity]);
  expect(decoded.series[0]!.min).toEqual([1, null, 3]);
});
