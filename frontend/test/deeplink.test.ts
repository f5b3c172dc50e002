import { beforeEach, expect, test, vi } from 'vitest';
import { hashWithRun, linkedRun, linkRun, onLinkChange, runInHash } from '../src/deeplink';

const NAMES = ['run1', 'a/b c', 'x&p.nan.run=y', '100%', '#', 'ü=😀', '.'];

beforeEach(() => void history.replaceState(null, '', '#'));

test.each(NAMES)('%s survives the way into the hash and back', (name) => {
  expect(runInHash(hashWithRun('#nan', name))).toBe(name);
});

test('the rest of the hash stays', () => {
  expect(hashWithRun('#scalars&p.scalars.smoothing=0.6&p.nan.run=old', 'new')).toBe('#scalars&p.scalars.smoothing=0.6&p.nan.run=new');
});

test('an empty hash gets the name of the tab', () => {
  expect(hashWithRun('', 'run1')).toBe('#nan&p.nan.run=run1');
  expect(hashWithRun('#p.other.x=1', 'run1')).toBe('#nan&p.other.x=1&p.nan.run=run1');
});

test.each(['', '#nan', '#nan&p.nan.run=', '#nan&p.nan.run=%E0%A4%A', '#nan&p.nan.runner=1'])('%s names no run', (hash) => {
  expect(runInHash(hash)).toBeNull();
});

test('a link is written without a new history entry and read back', () => {
  const before = history.length;
  linkRun('a/b');
  expect(linkedRun()).toBe('a/b');
  expect(history.length).toBe(before);
});

test('a foreign parent costs the link and nothing else', () => {
  const parent = vi.spyOn(window, 'parent', 'get').mockImplementation(() => {
    throw new DOMException('cross-origin');
  });
  expect(linkedRun()).toBeNull();
  expect(() => linkRun('run1')).not.toThrow();
  expect(() => onLinkChange(() => undefined)()).not.toThrow();
  parent.mockRestore();
});

test('a changed address tells the run until it is undone', () => {
  const tell = vi.fn();
  const undo = onLinkChange(tell);
  linkRun('run2');
  window.dispatchEvent(new Event('hashchange'));
  undo();
  window.dispatchEvent(new Event('hashchange'));
  expect(tell.mock.calls).toEqual([['run2']]);
});
