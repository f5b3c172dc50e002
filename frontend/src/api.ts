// The two questions of docs/http-api.md. URLs are relative to the plugin's <base>, so that --path_prefix works.

import { decodeAnswer, decodeTimeline } from './decoder';
import type { Answer, Timeline } from './report';

const BINS = 1600;

export interface Api {
  report(): Promise<Answer>;
  timeline(run: string): Promise<Timeline>;
}

export const api: Api = {
  report: async () => decodeAnswer((await ask('./report')) as Answer),
  timeline: async (run) => decodeTimeline((await ask(`./timeline?run=${encodeURIComponent(run)}&bins=${BINS}`)) as Timeline),
};

async function ask(url: string): Promise<unknown> {
  const response = await fetch(url, { cache: 'no-store' });
  if (response.ok) return response.json();
  throw new Error(await complaint(response));
}

async function complaint(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const error = body !== null && typeof body === 'object' && 'error' in body ? body.error : null;
  return typeof error === 'string' ? error : `The server answered ${response.status} ${response.statusText}.`;
}
