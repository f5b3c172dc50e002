// The shapes of docs/report.md and docs/http-api.md after decoding: numbers are numbers, and may be NaN or infinite.

export type Status = 'healthy' | 'unhealthy' | 'nonfinite' | 'silent' | 'recovered' | 'empty' | 'unreadable';
export type Phase = 'input' | 'target' | 'weights' | 'forward' | 'loss' | 'backward' | 'update' | 'validation' | 'metric';
export type Severity = 'error' | 'warning' | 'note';
export type SourceStatus = 'ok' | 'truncated' | 'corrupt' | 'not-events';

export interface FirstNonfinite {
  step: number;
  last_finite_step: number | null;
  phase: Phase;
  where: string;
  kind: 'nan' | 'inf' | '-inf';
  tag: string;
}

export interface Evidence {
  signal: string;
  where: string;
  step: number | null;
  observed: number | null;
  claim: string;
  because: string;
}

export interface Remedy {
  text: string;
  code: string | null;
}

export interface Alternative {
  cause: string;
  confidence: number;
  ruled_out_by: string;
}

interface Explanation {
  cause: string;
  /** The cause in words; a report without it has its id spelled out. */
  title?: string;
  family: string;
  confidence: number;
  summary: string;
  evidence: Evidence[];
  remedies: Remedy[];
}

export interface Verdict extends Explanation {
  alternatives: Alternative[];
  missing: string[];
}

export interface Finding extends Explanation {
  severity: Severity;
  step: number | null;
}

export interface Source {
  file: string;
  status: SourceStatus;
  events: number;
  bytes: number;
  reason: string;
}

export interface Run {
  run: string;
  status: Status;
  complete: boolean;
  first_step: number | null;
  last_step: number | null;
  first_nonfinite: FirstNonfinite | null;
  verdict: Verdict | null;
  findings: Finding[];
  notes: string[];
  sources: Source[];
}

export interface Report {
  schema: number;
  log_dir: string;
  runs: Run[];
}

export interface Answer {
  state: 'scanning' | 'ready' | 'failed';
  message: string;
  log_dir: string;
  generation: number;
  report: Report | null;
}

export type Role = 'loss' | 'gradient_norm' | 'learning_rate' | 'metric' | 'other';

/** One bin an index; every array has the same length. */
export interface Series {
  name: string;
  label: string;
  role: Role;
  axis: 'step' | 'tag';
  points: number;
  step: number[];
  step_end: number[];
  min: (number | null)[];
  max: (number | null)[];
  last: (number | null)[];
  nan: number[];
  posinf: number[];
  neginf: number[];
}

export interface Timeline {
  run: string;
  first_nonfinite: FirstNonfinite | null;
  series: Series[];
}
