import { expect, test, vi } from 'vitest';
import { joinHost, listen } from '../src/host';

class FakePort {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  sent: unknown[] = [];
  close = vi.fn();
  postMessage(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  receive(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
  }
}

function guest(): { port: FakePort; onNewData: ReturnType<typeof vi.fn<() => void>> } {
  const port = new FakePort();
  const onNewData = vi.fn<() => void>();
  listen(port as unknown as MessagePort, onNewData);
  return { port, onNewData };
}

const message = (type: string, id: number, isReply = false): object => ({ type, id, payload: null, error: null, isReply });

test.each(['experimental.DataReloaded', 'experimental.RunsChanged'])('%s is answered and asks for the report again', (type) => {
  const { port, onNewData } = guest();
  port.receive(message(type, 7));
  expect(port.sent).toEqual([message(type, 7, true)]);
  expect(onNewData).toHaveBeenCalledOnce();
});

test('an unknown message is answered too, because the host waits for it', () => {
  const { port, onNewData } = guest();
  port.receive(message('experimental.Future', 3));
  expect(port.sent).toEqual([message('experimental.Future', 3, true)]);
  expect(onNewData).not.toHaveBeenCalled();
});

test('the reply goes out even when taking the news fails', () => {
  const { port, onNewData } = guest();
  onNewData.mockImplementation(() => {
    throw new Error('no');
  });
  expect(() => port.receive(message('experimental.DataReloaded', 1))).toThrow('no');
  expect(port.sent).toHaveLength(1);
});

test('replies and noise are not answered', () => {
  const { port, onNewData } = guest();
  for (const noise of [message('experimental.DataReloaded', 1, true), '{', 'null', '42', '"text"']) port.receive(noise);
  expect(port.sent).toEqual([]);
  expect(onNewData).not.toHaveBeenCalled();
});

test('joining hands the host one end of a channel', () => {
  const parent = { postMessage: vi.fn() };
  const leave = joinHost(() => undefined, parent as unknown as Window);
  const [type, origin, ports] = parent.postMessage.mock.calls[0]!;
  expect([type, origin, ports.length]).toEqual(['experimental.bootstrap', '*', 1]);
  leave();
});

test('without a host nothing is sent', () => {
  const post = vi.spyOn(window, 'postMessage');
  joinHost(() => undefined, window)();
  expect(post).not.toHaveBeenCalled();
});
