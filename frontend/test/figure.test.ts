import { expect, test } from 'vitest';
import { bytes, count, figure, step } from '../src/figure';
import { causeTitle, confidenceWords } from '../src/wording';

test.each([
  [NaN, 'NaN'],
  [Infinity, '+Inf'],
  [-Infinity, '-Inf'],
  [null, '–'],
  [0, '0'],
  [32, '32'],
  [12345, '12,345'],
  [0.123456, '0.1235'],
  [1234.56, '1,235'],
  [3.4028e38, '3.403e38'],
  [-0.000012, '-1.2e-5'],
  [1e-8, '1e-8'],
  [2e7, '2e7'],
])('%s is shown as %s', (value, text) => {
  expect(figure(value)).toBe(text);
});

test('steps have thousands separators', () => {
  expect([step(1234567), step(0), step(null)]).toEqual(['1,234,567', '0', '–']);
});

test('sizes and amounts read like words', () => {
  expect([bytes(12), bytes(3456), bytes(5 * 1024 ** 3)]).toEqual(['12 B', '3.4 kB', '5.0 GB']);
  expect([count(1, 'file'), count(2000, 'run')]).toEqual(['1 file', '2,000 runs']);
});

test('a cause is spelled out, also one that is not known here', () => {
  expect(causeTitle('nonfinite-input')).toBe('Non-finite input');
  expect(causeTitle('brand-new-cause')).toBe('Brand new cause');
  expect(causeTitle('unknown')).toBe('The cause is not in the log');
});

test('confidence has words from weak to very sure', () => {
  expect([0.1, 0.4, 0.6, 0.8, 0.99].map(confidenceWords)).toEqual(['weak', 'possible', 'likely', 'confident', 'very sure']);
});
