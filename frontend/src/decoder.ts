// JSON has no NaN, so a non-finite number comes as one of three strings. They are decoded here and nowhere else.
// Law: only a field that holds a number is decoded. A run, a tag or a layer may well be called "NaN".

import type { Answer, Evidence, Finding, Report, Run, Series, Timeline, Verdict } from './report';

const NAMES: Record<string, number> = { NaN: NaN, Infinity: Infinity, '-Infinity': -Infinity };
const SCHEMA = 1;

/** Null stays null: nothing was measured, which is something else than NaN. */
export function number(wire: unknown): number | null {
  if (typeof wire === 'number') return wire;
  if (wire === null || wire === undefined) return null;
  const named = typeof wire === 'string' && Object.hasOwn(NAMES, wire) ? NAMES[wire] : undefined;
  if (named === undefined) throw new Error(`Expected a number and got ${JSON.stringify(wire).slice(0, 80)}.`);
  return named;
}

export function decodeAnswer(wire: Answer): Answer {
  return { ...wire, report: wire.report && decodeReport(wire.report) };
}

export function decodeTimeline(wire: Timeline): Timeline {
  return { ...wire, series: wire.series.map(decodeSeries) };
}

function decodeReport(wire: Report): Report {
  if (wire.schema !== SCHEMA) {
    throw new Error(`This page reads reports of schema ${SCHEMA}, and the server sent schema ${String(wire.schema)}. Restart TensorBoard, then reload the page.`);
  }
  return { ...wire, runs: wire.runs.map(decodeRun) };
}

function decodeRun(wire: Run): Run {
  return {
    ...wire,
    verdict: wire.verdict && decodeExplanation<Verdict>(wire.verdict),
    findings: wire.findings.map((finding) => decodeExplanation<Finding>(finding)),
  };
}

function decodeExplanation<T extends { confidence: number; evidence: Evidence[] }>(wire: T): T {
  return {
    ...wire,
    confidence: number(wire.confidence) ?? 0,
    evidence: wire.evidence.map((item) => ({ ...item, observed: number(item.observed) })),
  };
}

function decodeSeries(wire: Series): Series {
  return { ...wire, min: wire.min.map(number), max: wire.max.map(number), last: wire.last.map(number) };
}
