// The selected run in TensorBoard's own address: #nan&p.nan.run=NAME
// The hash is read here and not asked of the host, which answers {} on the first load since TensorBoard 2.16.
// Law: a foreign or missing parent costs the deep link and nothing else.

const PLUGIN = 'nan';
const KEY = `p.${PLUGIN}.run`;

export function runInHash(hash: string): string | null {
  const value = parts(hash).find((part) => part.startsWith(`${KEY}=`))?.slice(KEY.length + 1);
  if (!value) return null;
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}

/** The same hash with this run; what other plugins keep in it stays. */
export function hashWithRun(hash: string, run: string): string {
  const others = parts(hash).filter((part) => !part.startsWith(`${KEY}=`));
  const named = others[0] !== undefined && !others[0].includes('=');
  const tab = named ? others.shift() : PLUGIN;
  return `#${[tab, ...others, `${KEY}=${encodeURIComponent(run)}`].join('&')}`;
}

export function linkedRun(): string | null {
  return attempt(() => runInHash(window.parent.location.hash));
}

export function linkRun(run: string): void {
  attempt(() => {
    const { history, location } = window.parent;
    history.replaceState(history.state, '', hashWithRun(location.hash, run));
  });
}

export function onLinkChange(tell: (run: string) => void): () => void {
  const listener = (): void => {
    const run = linkedRun();
    if (run !== null) tell(run);
  };
  attempt(() => window.parent.addEventListener('hashchange', listener));
  return () => void attempt(() => window.parent.removeEventListener('hashchange', listener));
}

function parts(hash: string): string[] {
  return hash.replace(/^#/, '').split('&').filter((part) => part !== '');
}

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
