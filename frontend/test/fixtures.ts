import type { Run, Series, Verdict } from '../src/report';

export function run(parts: Partial<Run> = {}): Run {
  return {
    run: 'run1',
    status: 'healthy',
    complete: true,
    first_step: 0,
    last_step: 59,
    first_nonfinite: null,
    verdict: null,
    findings: [],
    notes: [],
    sources: [],
    ...parts,
  };
}

export function verdict(parts: Partial<Verdict> = {}): Verdict {
  return {
    cause: 'nonfinite-input',
    family: 'data',
    confidence: 0.99,
    summary: 'Feature 3 held NaN.',
    evidence: [{ signal: 'input_nan', where: 'feature 3', step: 1013, observed: NaN, claim: 'is above 0', because: 'one row held NaN' }],
    remedies: [{ text: 'Drop the row.', code: 'frame.dropna()' }],
    alternatives: [{ cause: 'learning-rate-too-high', confidence: 0.1, ruled_out_by: 'the norm stayed small' }],
    missing: [],
    ...parts,
  };
}

/** A series with one point a bin, counted the way the server counts. */
export function series(last: (number | null)[], parts: Partial<Series> = {}): Series {
  const finite = last.map((value) => (value !== null && Number.isFinite(value) ? value : null));
  const steps = last.map((_, index) => index);
  return {
    name: 'loss',
    label: 'Loss',
    role: 'loss',
    axis: 'step',
    points: last.length,
    step: steps,
    step_end: steps,
    min: finite,
    max: finite,
    last,
    nan: last.map((value) => Number(Number.isNaN(value))),
    posinf: last.map((value) => Number(value === Infinity)),
    neginf: last.map((value) => Number(value === -Infinity)),
    ...parts,
  };
}
