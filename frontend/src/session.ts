// What the page knows, and when it asks again.
// Law 1: a hidden page asks for nothing. It remembers that it is behind and asks when it is seen.
// Law 2: no answer takes the reader's selection away while that run exists.
// Law 3: the page is drawn again only when something in it changed.

import type { Api } from './api';
import { worstFirst } from './order';
import type { Answer, Run, Timeline } from './report';

const WHILE_SCANNING_MS = 1_000;
const WHILE_EMPTY_MS = 3_000;
const WHILE_LIVE_MS = 15_000;
/** A question starts a pass, unless one has just ended, and its result is there a moment later: so twice, each after so long. */
const AFTER_RELOAD_MS: readonly number[] = [2_000, 3_000];

export class Session {
  answer: Answer | null = null;
  timeline: Timeline | null = null;
  /** Why the last question for the report got no answer; empty when it did. */
  problem = '';
  timelineProblem = '';
  selected: string | null = null;

  #wanted: string | null;
  #behind = false;
  #asking = false;
  #soon: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #drawn = '';

  constructor(
    private readonly api: Api,
    private readonly isVisible: () => boolean,
    private readonly changed: () => void,
    wanted: string | null,
  ) {
    this.#wanted = wanted;
  }

  get run(): Run | null {
    return this.answer?.report?.runs.find((run) => run.run === this.selected) ?? null;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  choose(run: string): void {
    this.#wanted = run;
    if (this.#select()) {
      this.changed();
      void this.#askTimeline();
    }
  }

  /** The host has new data. */
  async reload(): Promise<void> {
    this.#soon = [...AFTER_RELOAD_MS];
    await this.ask();
  }

  /** The page may have come into view. */
  async seen(): Promise<void> {
    if (this.#behind && this.isVisible()) await this.ask();
  }

  async ask(): Promise<void> {
    this.#behind = !this.isVisible();
    if (this.#asking || this.#behind) return;
    this.#asking = true;
    try {
      await this.#take(() => this.api.report());
    } finally {
      this.#asking = false;
      this.#schedule();
    }
  }

  #schedule(): void {
    const waiting = this.answer?.state === 'scanning' ? WHILE_SCANNING_MS : WHILE_EMPTY_MS;
    const calm = this.answer?.report?.runs.length ? WHILE_LIVE_MS : waiting;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.ask(), Math.min(calm, this.#soon.shift() ?? calm));
  }

  async #take(question: () => Promise<Answer>): Promise<void> {
    try {
      this.answer = await question();
      this.problem = '';
    } catch (error) {
      this.problem = sentence(error);
    }
    const { generation, state, message } = this.answer ?? {};
    const now = JSON.stringify([generation, state, message, this.problem]);
    if (now === this.#drawn) return;
    this.#drawn = now;
    this.#select();
    this.changed();
    await this.#askTimeline();
  }

  /** True when another run is selected than before. */
  #select(): boolean {
    const runs = worstFirst(this.answer?.report?.runs ?? []);
    const known = (name: string | null): boolean => runs.some((run) => run.run === name);
    const before = this.selected;
    const kept = known(this.#wanted) ? this.#wanted : known(before) ? before : null;
    this.selected = kept ?? runs[0]?.run ?? null;
    if (this.selected === before) return false;
    this.timeline = null;
    this.timelineProblem = '';
    return true;
  }

  async #askTimeline(): Promise<void> {
    const name = this.selected;
    if (name === null) return;
    try {
      const timeline = await this.api.timeline(name);
      if (name !== this.selected) return;
      [this.timeline, this.timelineProblem] = [timeline, ''];
    } catch (error) {
      if (name !== this.selected) return;
      this.timelineProblem = sentence(error);
    }
    this.changed();
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
