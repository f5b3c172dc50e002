// TensorBoard has its own dark switch and tells plugins nothing about it; it only sets a class on its own body.
// Law: the parent may be another origin or this very window. Then the system's preference decides.

export type Theme = 'light' | 'dark';

const HOST_CLASS = 'dark-mode';

/** Calls `apply` now and at every change; the answer stops it. */
export function watchTheme(apply: (theme: Theme) => void): () => void {
  const host = hostBody();
  return host ? watchHost(host, apply) : watchSystem(apply);
}

function hostBody(): HTMLElement | null {
  try {
    return window.parent === window ? null : window.parent.document.body;
  } catch {
    return null;
  }
}

function watchHost(body: HTMLElement, apply: (theme: Theme) => void): () => void {
  const tell = (): void => apply(body.classList.contains(HOST_CLASS) ? 'dark' : 'light');
  const observer = new MutationObserver(tell);
  observer.observe(body, { attributes: true, attributeFilter: ['class'] });
  tell();
  return () => observer.disconnect();
}

function watchSystem(apply: (theme: Theme) => void): () => void {
  const query = window.matchMedia('(prefers-color-scheme: dark)');
  const tell = (): void => apply(query.matches ? 'dark' : 'light');
  query.addEventListener('change', tell);
  tell();
  return () => query.removeEventListener('change', tell);
}
