// Words for the ids of the report. An id that is not listed here is still shown, spelled out of its own parts.

import type { FirstNonfinite, Phase, Severity, SourceStatus, Status } from './report';

export const STATUS: Record<Status, { label: string; headline: string; sentence: string }> = {
  nonfinite: { label: 'Non-finite', headline: 'A value is not finite', sentence: 'Training reached a value that is not finite.' },
  silent: { label: 'Silent', headline: 'Non-finite behind a finite loss', sentence: 'Weights, gradients or data are not finite while the logged loss stays finite.' },
  recovered: { label: 'Recovered', headline: 'Non-finite for a while', sentence: 'A value was not finite for a while, and came back.' },
  unhealthy: { label: 'Unhealthy', headline: 'Finite, but not well', sentence: 'Everything is finite, but something harms training.' },
  unreadable: { label: 'Unreadable', headline: 'The files could not be read', sentence: 'No event in these files could be read.' },
  healthy: { label: 'Healthy', headline: 'All values are finite', sentence: 'Everything that was recorded is finite.' },
  empty: { label: 'Empty', headline: 'Nothing recorded yet', sentence: 'The files hold no value to look at yet.' },
};

export const SEVERITY: Record<Severity, string> = { error: 'Error', warning: 'Warning', note: 'Note' };

export const SOURCE: Record<SourceStatus, string> = {
  ok: 'Read whole',
  truncated: 'Cut short',
  corrupt: 'Damaged',
  'not-events': 'Not an event file',
};

export const KIND: Record<FirstNonfinite['kind'], string> = { nan: 'NaN', inf: '+Inf', '-inf': '-Inf' };

const PHASE: Record<Phase, string> = {
  input: 'Input',
  target: 'Target',
  weights: 'Weights',
  forward: 'Forward pass',
  loss: 'Loss',
  backward: 'Backward pass',
  update: 'Weight update',
  validation: 'Validation',
  metric: 'Metric',
};

const SPELLING: Record<string, string> = { nonfinite: 'non-finite', nan: 'NaN', inf: 'Inf', nans: 'NaNs', relu: 'ReLU', adam: 'Adam', l1: 'L1', l2: 'L2' };

export function phaseName(phase: string): string {
  return (PHASE as Record<string, string>)[phase] ?? phase;
}

/** "nonfinite-input" reads "Non-finite input". */
export function causeTitle(cause: string): string {
  if (cause === 'unknown') return 'The cause is not in the log';
  const words = cause.split('-').map((word) => SPELLING[word] ?? word).join(' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function confidenceWords(confidence: number): string {
  if (confidence >= 0.95) return 'very sure';
  if (confidence >= 0.8) return 'confident';
  if (confidence >= 0.6) return 'likely';
  if (confidence >= 0.4) return 'possible';
  return 'weak';
}
