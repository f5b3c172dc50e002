// The plugin side of TensorBoard's message channel; no package of it exists. Messages are JSON text over a MessagePort:
//   { type, id, payload, error, isReply }
// Law: every message of the host gets a reply, because the host waits for all plugins before it goes on.

const BOOTSTRAP = 'experimental.bootstrap';
const NEW_DATA = new Set(['experimental.DataReloaded', 'experimental.RunsChanged']);

interface Message {
  type: string;
  id: number;
  isReply: boolean;
}

/** Calls `onNewData` when the reader reloads TensorBoard's data; the answer hangs up. Without a host it does nothing. */
export function joinHost(onNewData: () => void, parent: Window = window.parent): () => void {
  if (parent === window) return () => undefined;
  const channel = new MessageChannel();
  listen(channel.port1, onNewData);
  parent.postMessage(BOOTSTRAP, '*', [channel.port2]);
  return () => channel.port1.close();
}

export function listen(port: MessagePort, onNewData: () => void): void {
  port.onmessage = (event: MessageEvent<unknown>) => {
    const message = read(event.data);
    if (!message || message.isReply) return;
    port.postMessage(JSON.stringify({ type: message.type, id: message.id, payload: null, error: null, isReply: true }));
    if (NEW_DATA.has(message.type)) onNewData();
  };
}

function read(data: unknown): Message | null {
  try {
    const message = JSON.parse(String(data)) as Message | null;
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}
