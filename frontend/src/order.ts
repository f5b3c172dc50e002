// Worst first, then by name as a person counts: run2 before run10.

import type { Run, Status } from './report';

const WORST_FIRST: readonly Status[] = ['nonfinite', 'silent', 'recovered', 'unhealthy', 'unreadable', 'healthy', 'empty'];

const byName = new Intl.Collator('en', { numeric: true });

export function worstFirst(runs: readonly Run[]): Run[] {
  return [...runs].sort((a, b) => rank(a) - rank(b) || byName.compare(a.run, b.run));
}

export function matching(runs: readonly Run[], text: string): Run[] {
  const wanted = text.trim().toLowerCase();
  return runs.filter((run) => run.run.toLowerCase().includes(wanted));
}

function rank(run: Run): number {
  const place = WORST_FIRST.indexOf(run.status);
  return place < 0 ? WORST_FIRST.length : place;
}
