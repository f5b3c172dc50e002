import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Api } from '../src/api';
import type { Answer, Run, Timeline } from '../src/report';
import { Session } from '../src/session';
import { run } from './fixtures';

const GOOD = run({ run: 'good' });
const BAD = run({ run: 'bad', status: 'nonfinite' });

/** A server, a page that can be hidden, and a clock that the test turns. */
function world(runs: Run[] | null, wanted: string | null = null) {
  const answer: Answer = { state: runs ? 'ready' : 'scanning', message: '', log_dir: 'logs', generation: 1, report: runs && { schema: 1, log_dir: 'logs', runs } };
  const api = {
    report: vi.fn(async (): Promise<Answer> => ({ ...answer })),
    timeline: vi.fn(async (name: string): Promise<Timeline> => ({ run: name, first_nonfinite: null, series: [] })),
  } satisfies Api;
  const page = { visible: true };
  const changed = vi.fn();
  const session = new Session(api, () => page.visible, changed, wanted);
  const serve = (newer: Run[]): void => void Object.assign(answer, { state: 'ready', generation: answer.generation + 1, report: { schema: 1, log_dir: 'logs', runs: newer } });
  return { api, page, changed, session, serve };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('the worst run is selected, unless the link names another', async () => {
  const plain = world([GOOD, BAD]);
  await plain.session.ask();
  expect(plain.session.selected).toBe('bad');
  const linked = world([GOOD, BAD], 'good');
  await linked.session.ask();
  expect(linked.session.run).toBe(linked.session.answer!.report!.runs[0]);
});

test('a newer report with a worse run does not take the selection away', async () => {
  const { session, serve } = world([GOOD]);
  await session.ask();
  serve([GOOD, BAD]);
  await session.ask();
  expect(session.selected).toBe('good');
});

test('a run from the link is selected when it appears', async () => {
  const { session, serve } = world([BAD], 'good');
  await session.ask();
  expect(session.selected).toBe('bad');
  serve([BAD, GOOD]);
  await session.ask();
  expect(session.selected).toBe('good');
});

test('while scanning it asks every second, and every 15 when ready', async () => {
  const { api, session, serve } = world(null);
  await session.ask();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(api.report).toHaveBeenCalledTimes(2);
  serve([GOOD]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(api.report).toHaveBeenCalledTimes(3);
  await vi.advanceTimersByTimeAsync(14_999);
  expect(api.report).toHaveBeenCalledTimes(3);
  await vi.advanceTimersByTimeAsync(1);
  expect(api.report).toHaveBeenCalledTimes(4);
});

test('after a reload it asks again a moment later, for the pass that the question started', async () => {
  const { api, session } = world([GOOD]);
  await session.reload();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(api.report).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(api.report).toHaveBeenCalledTimes(2);
});

test('the same generation draws nothing and asks for no timeline', async () => {
  const { api, changed, session } = world([GOOD]);
  await session.ask();
  const drawn = changed.mock.calls.length;
  await session.ask();
  expect(changed).toHaveBeenCalledTimes(drawn);
  expect(api.timeline).toHaveBeenCalledTimes(1);
});

test('a hidden page asks for nothing until it is seen', async () => {
  const { api, page, session } = world([GOOD]);
  page.visible = false;
  await session.reload();
  await vi.advanceTimersByTimeAsync(60_000);
  await session.seen();
  expect(api.report).not.toHaveBeenCalled();
  page.visible = true;
  await session.seen();
  expect(api.report).toHaveBeenCalledTimes(1);
  await session.seen();
  expect(api.report).toHaveBeenCalledTimes(1);
});

test('a slow timeline of the run before is not shown under the new one', async () => {
  const { api, session } = world([GOOD, BAD]);
  await session.ask();
  let answerLate: (timeline: Timeline) => void = () => undefined;
  api.timeline.mockImplementationOnce(() => new Promise((resolve) => (answerLate = resolve)));
  session.choose('good');
  session.choose('bad');
  await vi.advanceTimersByTimeAsync(0);
  answerLate({ run: 'good', first_nonfinite: null, series: [] });
  await vi.advanceTimersByTimeAsync(0);
  expect(session.timeline?.run).toBe('bad');
});

test('when the server goes away the last answer stays, with the reason', async () => {
  const { api, session } = world([GOOD]);
  await session.ask();
  api.report.mockRejectedValueOnce(new Error('connection refused'));
  await session.ask();
  expect([session.problem, session.run?.run]).toEqual(['connection refused', 'good']);
  await session.ask();
  expect(session.problem).toBe('');
});
