import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { count, step } from '../figure';
import { type Kind, KIND_LABEL, KINDS, plotOf, tally } from '../plotdata';
import type { FirstNonfinite, Series, Timeline } from '../report';
import type { Span } from '../scale';
import { sheets } from '../stylesheets';
import type { Theme } from '../theme';
import own from './run-timeline.css?inline';
import type { Zoom } from './series-chart';
import './series-chart';
import { seriesTable } from './series-table';

const LEADING_ROLES = new Set(['loss', 'gradient_norm']);
const MORE_AT_ONCE = 8;
const SHAPE: Record<Kind, string> = { nan: '▲', posinf: '↑', neginf: '↓' };

@customElement('run-timeline')
export class RunTimeline extends LitElement {
  static override styles = sheets(own);

  @property({ attribute: false }) timeline: Timeline | null = null;
  @property({ attribute: false }) theme: Theme = 'light';
  @property() problem = '';
  @state() private zoom: Zoom | null = null;
  @state() private more = 0;

  private legend: TemplateResult | typeof nothing = nothing;
  private table: TemplateResult | typeof nothing = nothing;

  // Both look at every bin of every series, so they are made once for a timeline and not at each drawing.
  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has('timeline')) return;
    this.legend = this.timeline ? legend(this.timeline.series) : nothing;
    this.table = this.timeline ? seriesTable(this.timeline.series) : nothing;
    const before = changed.get('timeline') as Timeline | null | undefined;
    if (before?.run === this.timeline?.run) return;
    this.zoom = null;
    this.more = 0;
  }

  override render(): TemplateResult {
    return html`<section aria-label="Timeline" @zoom=${this.onZoom}>
      ${this.heading()} ${this.problem ? html`<p class="notice">${this.problem}</p>` : nothing}
      ${this.timeline ? this.charts(this.timeline) : this.problem ? nothing : html`<p class="muted waiting">Reading the series…</p>`}
    </section>`;
  }

  private heading(): TemplateResult {
    const first = this.timeline?.first_nonfinite;
    const axis = this.timeline?.series.some((series) => series.axis === 'step') ? 'step' : 'tag';
    const near = (): void => void (first && (this.zoom = { axis, span: around(first.step, this.whole(axis)) }));
    return html`<header>
      <h3>Timeline</h3>
      ${this.legend}
      <span class="buttons">
        ${first ? html`<button type="button" @click=${near}>Zoom to step ${step(first.step)}</button>` : nothing}
        ${this.zoom?.span ? html`<button type="button" @click=${() => (this.zoom = null)}>Whole run</button>` : nothing}
      </span>
    </header>`;
  }

  private charts(timeline: Timeline): TemplateResult {
    const leading = batchesFirst(timeline.series.filter((series) => LEADING_ROLES.has(series.role)));
    const others = timeline.series.filter((series) => !LEADING_ROLES.has(series.role));
    const shown = [...leading, ...others.slice(0, leading.length > 0 ? this.more : Math.max(this.more, MORE_AT_ONCE))];
    const left = timeline.series.length - shown.length;
    return html`${timeline.series.length === 0 ? html`<p class="muted">No series was recorded for this run.</p>` : nothing}
      ${repeat(grouped(shown), ([key]) => key, ([, list]) => html`<div class="role" data-testid="timeline-${list[0]!.role}">
        ${repeat(list, (series) => `${timeline.run}\n${series.name}`, (series) => this.chart(series, timeline))}
      </div>`)}
      ${left > 0 ? html`<button type="button" class="more" @click=${() => (this.more += MORE_AT_ONCE)}>Show ${count(Math.min(left, MORE_AT_ONCE), 'more chart')}${left > MORE_AT_ONCE ? ` of ${left}` : nothing}</button>` : nothing}
      ${this.table}`;
  }

  private chart(series: Series, timeline: Timeline): TemplateResult {
    return html`<series-chart
      .series=${series}
      .first=${marked(series, timeline)}
      .window=${this.zoom?.span && this.zoom.axis === series.axis ? this.zoom.span : this.whole(series.axis)}
      .theme=${this.theme}
    ></series-chart>`;
  }

  /** The same span for all series that count the same way, so that the charts line up. */
  private whole(axis: Series['axis']): Span {
    const alike = (this.timeline?.series ?? []).filter((series) => series.axis === axis);
    const low = Math.min(...alike.flatMap((series) => series.step.slice(0, 1)));
    const high = Math.max(...alike.flatMap((series) => series.step_end.slice(-1)));
    return low < high ? [low, high] : Number.isFinite(low) ? [low - 1, low + 1] : [0, 1];
  }

  private onZoom(event: CustomEvent<Zoom>): void {
    this.zoom = event.detail;
  }
}

/** The first bad step counts in batches, or as its own tag counts; it is drawn only where it means the same. */
function marked(series: Series, timeline: Timeline): FirstNonfinite | null {
  const first = timeline.first_nonfinite;
  const counted = timeline.series.some((other) => other.axis === 'step');
  return first && (series.axis === 'step' || !counted || series.name === first.tag) ? first : null;
}

function around(center: number, [low, high]: Span): Span {
  const reach = Math.max(10, (high - low) * 0.02);
  return [Math.max(low, center - reach), Math.min(Math.max(high, center + 1), center + reach)];
}

/** Loss and gradient norm of each batch side by side, and only then what was logged an epoch. */
function batchesFirst(list: readonly Series[]): Series[] {
  return [...list.filter((series) => series.axis === 'step'), ...list.filter((series) => series.axis !== 'step')];
}

function grouped(list: readonly Series[]): [string, Series[]][] {
  const groups = new Map<string, Series[]>();
  for (const series of list) {
    const key = `${series.role} ${series.axis}`;
    groups.set(key, [...(groups.get(key) ?? []), series]);
  }
  return [...groups];
}

function legend(list: readonly Series[]): TemplateResult | typeof nothing {
  const total = tally(list.flatMap((series) => plotOf(series, false).marks));
  const kinds = KINDS.filter((kind) => total[kind] > 0);
  return html`<ul class="legend" aria-label="Non-finite values in these series">
    ${kinds.map((kind) => html`<li><span class="shape" aria-hidden="true">${SHAPE[kind]}</span> ${KIND_LABEL[kind]} <span class="muted">${count(total[kind], 'value')}</span></li>`)}
    ${kinds.length > 0 ? html`<li class="muted">in ${list.length} series</li>` : nothing}
    ${kinds.length === 0 && list.length > 0 ? html`<li class="muted">All values finite</li>` : nothing}
  </ul>`;
}
