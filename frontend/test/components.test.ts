import type { LitElement } from 'lit';
import { afterEach, expect, test } from 'vitest';
import '../src/components/empty-page';
import type { EmptyPage } from '../src/components/empty-page';
import '../src/components/run-list';
import '../src/components/sources-list';
import '../src/components/verdict-card';
import type { Run } from '../src/report';
import { run, verdict } from './fixtures';

const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>${1}';

afterEach(() => document.body.replaceChildren());

async function show<T extends LitElement>(tag: string, properties: Partial<T>): Promise<T> {
  const element = Object.assign(document.createElement(tag) as T, properties);
  document.body.append(element);
  await settled(element);
  return element;
}

async function settled(element: LitElement): Promise<void> {
  await element.updateComplete;
  for (const child of all(element)) await (child as LitElement).updateComplete;
}

/** Every element below, through all open shadow roots. */
function all(root: Element | ShadowRoot): Element[] {
  const roots = [root, ...(root instanceof Element && root.shadowRoot ? [root.shadowRoot] : [])];
  return roots.flatMap((each) => [...each.children].flatMap((child) => [child, ...all(child)]));
}

function hooks(root: Element, id: string): Element[] {
  return all(root).filter((element) => element.getAttribute('data-testid') === id);
}

function words(root: Element, id: string): string {
  return hooks(root, id).map((element) => element.textContent!.replace(/\s+/g, ' ').trim()).join(' | ');
}

const BAD = run({
  status: 'nonfinite',
  first_nonfinite: { step: 1013, last_finite_step: null, phase: 'input', where: 'feature 3', kind: 'nan', tag: 'input_nan' },
  verdict: verdict(),
});

test('the verdict card names the cause, how sure it is, and the first bad step', async () => {
  const card = await show('verdict-card', { run: BAD } as object);
  expect(words(card, 'verdict-cause')).toBe('Non-finite input');
  expect(words(card, 'first-bad-step')).toBe('1,013');
  expect(words(card, 'verdict-card')).toContain('99 %, very sure');
  expect(words(card, 'verdict-card')).toContain('Last finite step none');
  expect(words(card, 'status-badge')).toBe('Non-finite');
});

test('evidence, remedies and what was ruled out are all there', async () => {
  const card = await show('verdict-card', { run: BAD } as object);
  expect(words(card, 'evidence-row')).toBe('input_nan feature 3 1,013 NaN is above 0 one row held NaN');
  expect(words(card, 'remedy-code')).toBe('frame.dropna()');
  expect(words(card, 'alternative')).toBe('Learning rate too high 10 % the norm stayed small');
});

test('hostile strings are text and make no element', async () => {
  const evil = verdict({
    cause: HOSTILE,
    family: HOSTILE,
    summary: HOSTILE,
    evidence: [{ signal: HOSTILE, where: HOSTILE, step: 1, observed: 1, claim: HOSTILE, because: HOSTILE }],
    remedies: [{ text: HOSTILE, code: HOSTILE }],
    alternatives: [{ cause: HOSTILE, confidence: 0, ruled_out_by: HOSTILE }],
    missing: [HOSTILE],
  });
  const card = await show('verdict-card', { run: { ...BAD, run: HOSTILE, verdict: evil } } as object);
  expect(all(card).filter((element) => ['IMG', 'SCRIPT'].includes(element.tagName))).toEqual([]);
  expect(hooks(card, 'remedy-code')[0]!.textContent).toBe(HOSTILE);
  expect(words(card, 'evidence-row').split(HOSTILE)).toHaveLength(5);
});

test('an unknown cause claims no confidence', async () => {
  const card = await show('verdict-card', { run: { ...BAD, verdict: verdict({ cause: 'unknown', confidence: 0, missing: ['gradients'] }) } } as object);
  expect(words(card, 'verdict-card')).not.toContain('0 %, weak');
  expect(words(card, 'verdict-card')).toContain('Not recordedgradients');
});

test('a healthy run has an answer and no cause', async () => {
  const card = await show('verdict-card', { run: run() } as object);
  expect(hooks(card, 'verdict-cause')).toEqual([]);
  expect(words(card, 'verdict-card')).toContain('All values are finite');
});

test('a log that was cut short is announced beside the verdict and in the files', async () => {
  const source = { file: 'events.1', status: 'truncated' as const, events: 3, bytes: 2048, reason: 'ends inside a record' };
  const card = await show('verdict-card', { run: { ...BAD, complete: false, sources: [source] } } as object);
  expect(words(card, 'incomplete')).toContain('incomplete');
  const files = await show('sources-list', { sources: [source] } as object);
  expect(words(files, 'source')).toBe('events.1 Cut short 3 events, 2.0 kB ends inside a record');
});

async function list(runs: Run[], selected: string): Promise<LitElement> {
  return show('run-list', { runs, selected } as object);
}

test('the run list marks the selected run and sends the chosen one', async () => {
  const element = await list([run({ run: 'a' }), run({ run: 'b', status: 'silent' })], 'a');
  expect(hooks(element, 'run-item').map((item) => [item.getAttribute('data-run'), item.getAttribute('aria-current')])).toEqual([['b', null], ['a', 'true']]);
  let chosen = '';
  element.addEventListener('choose', (event) => (chosen = (event as CustomEvent<string>).detail));
  (hooks(element, 'run-item')[0] as HTMLButtonElement).click();
  expect(chosen).toBe('b');
});

test('the filter appears with the ninth run and narrows the list', async () => {
  const runs = Array.from({ length: 9 }, (_, index) => run({ run: `run${index}` }));
  expect((await list(runs.slice(1), 'run1')).shadowRoot!.querySelector('input')).toBeNull();
  const element = await list(runs, 'run0');
  const input = element.shadowRoot!.querySelector('input')!;
  input.value = 'run7';
  input.dispatchEvent(new Event('input'));
  await element.updateComplete;
  expect(hooks(element, 'run-item').map((item) => item.getAttribute('data-run'))).toEqual(['run7']);
  expect(element.shadowRoot!.querySelector('h2')!.textContent).toBe('1 of 9 runs');
});

test('the empty page says where it looked and how to record', async () => {
  const page = await show<EmptyPage>('empty-page', { kind: 'empty', logDir: HOSTILE });
  expect(words(page, 'empty-page')).toContain(HOSTILE);
  const code = all(page).find((element) => element.tagName === 'PRE')!.textContent!;
  expect(code).toContain('callbacks=[NaNMonitor("logs/run1")]');
  expect(code.trim().split('\n')).toHaveLength(3);
});

test('scanning and failed are states of their own', async () => {
  const scanning = await show<EmptyPage>('empty-page', { kind: 'scanning', logDir: 'logs' });
  expect([hooks(scanning, 'state-scanning').length, hooks(scanning, 'empty-page').length]).toEqual([1, 0]);
  const failed = await show<EmptyPage>('empty-page', { kind: 'failed', message: 'The directory is gone.' });
  expect(words(failed, 'state-failed')).toContain('The directory is gone.');
});
