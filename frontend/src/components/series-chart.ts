import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import uPlot from 'uplot';
import uplotText from 'uplot/dist/uPlot.min.css?inline';
import { count, step } from '../figure';
import { extent, type Kind, KINDS, type Plot, plotOf, suitsLog, tally } from '../plotdata';
import type { FirstNonfinite, Series } from '../report';
import type { Span } from '../scale';
import { sheets } from '../stylesheets';
import type { Theme } from '../theme';
import { KIND } from '../wording';
import { drawFirstBad, drawLane, drawNothingFinite } from './chart-lane';
import { chartOptions, type View } from './chart-options';
import { readout } from './chart-readout';
import own from './series-chart.css?inline';

export interface Zoom {
  axis: Series['axis'];
  /** Null for the whole run. */
  span: Span | null;
}

/** One series over the steps. Sends `zoom` with a Zoom. */
@customElement('series-chart')
export class SeriesChart extends LitElement {
  static override styles = sheets(uplotText + own);

  @property({ attribute: false }) series!: Series;
  @property({ attribute: false }) first: FirstNonfinite | null = null;
  @property({ attribute: false }) window: Span = [0, 1];
  @property({ attribute: false }) theme: Theme = 'light';
  @state() private log: boolean | null = null;
  @state() private index: number | null = null;
  @query('.plot') private box!: HTMLDivElement;

  private plot!: Plot;
  private kinds: Kind[] = [];
  private chart: uPlot | null = null;
  private readonly sizes = new ResizeObserver(() => this.fit());

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sizes.disconnect();
    this.chart?.destroy();
    this.chart = null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.requestUpdate('series', null);
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has('series') && !changed.has('log')) return;
    this.log ??= suitsLog(this.series);
    this.index = null;
    this.plot = plotOf(this.series, this.log);
    const total = tally(this.plot.marks);
    this.kinds = KINDS.filter((kind) => total[kind] > 0);
  }

  override render(): TemplateResult {
    const { label, name } = this.series;
    return html`<figure>
      <figcaption>
        <h4 class="clip" title=${name}>${label || name}</h4>
        <span class="readout" data-testid="readout" aria-live=${this.index === null ? 'off' : 'polite'}>${readout(this.series, this.plot.bin[this.index ?? this.plot.bin.length - 1] ?? null, this.index === null)}</span>
        <span class="toggle" role="group" aria-label="Y axis of ${label || name}">${this.toggle(false, 'Linear')}${this.toggle(true, 'Log')}</span>
      </figcaption>
      <div class="plot" tabindex="0" role="img" aria-label=${this.spoken()} data-nan=${tally(this.plot.marks).nan} @keydown=${this.onKey}></div>
      ${this.plot.offLog > 0 ? html`<p class="muted small">${count(this.plot.offLog, 'point')} at or below 0 not shown on the log axis.</p>` : nothing}
    </figure>`;
  }

  private toggle(log: boolean, label: string): TemplateResult {
    return html`<button type="button" aria-pressed=${this.log === log ? 'true' : 'false'} @click=${() => (this.log = log)}>${label}</button>`;
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('series') || changed.has('log') || !this.chart) this.build();
    else if (changed.has('window')) this.chart.setScale('x', { min: this.window[0], max: this.window[1] });
    if (changed.has('theme') || changed.has('first')) this.chart?.redraw(false, true);
  }

  private build(): void {
    this.chart?.destroy();
    const { x, last, min, max, banded } = this.plot;
    const gaps = x.map(() => null);
    const data = (banded ? [x, last, min, max] : [x, last, gaps, gaps]) as uPlot.AlignedData;
    this.chart = new uPlot(chartOptions(this.view(), this.box.clientWidth || 600), data, this.box);
    this.sizes.observe(this.box);
  }

  private view(): View {
    return {
      plot: () => this.plot,
      log: this.log ?? false,
      kinds: this.kinds,
      window: () => this.window,
      sync: `steps-${this.series.axis}`,
      label: this.series.label,
      color: (name) => this.color(name),
      draw: (u) => this.drawMarks(u),
      moved: (index) => (this.index = index),
      zoomed: (span) => this.dispatchEvent(new CustomEvent<Zoom>('zoom', { detail: { axis: this.series.axis, span }, bubbles: true })),
    };
  }

  private drawMarks(u: uPlot): void {
    const ink = { accent: this.color('--accent'), accentText: this.color('--accent-text'), muted: this.color('--muted'), ground: this.color('--bg') };
    drawLane(u, this.plot.marks, this.kinds, ink);
    if (!extent(this.plot, ...this.window)) drawNothingFinite(u, ink);
    if (this.first) drawFirstBad(u, this.first.step, `step ${step(this.first.step)}: first ${KIND[this.first.kind]}`, this.kinds.length, ink);
  }

  private color(name: string): string {
    return getComputedStyle(this).getPropertyValue(name).trim() || 'gray';
  }

  // A hidden page measures zero and must not shrink its charts.
  private fit(): void {
    const width = this.box.clientWidth;
    if (!this.chart || width === 0 || document.documentElement.clientHeight === 0 || width === this.chart.width) return;
    this.chart.setSize({ width, height: this.chart.height });
  }

  private onKey(event: KeyboardEvent): void {
    const end = this.plot.x.length - 1;
    const here = this.index ?? end;
    const stride = event.shiftKey ? 10 : 1;
    const target = { ArrowLeft: here - stride, ArrowRight: here + stride, Home: 0, End: end }[event.key];
    const x = target === undefined ? undefined : this.plot.x[Math.max(0, Math.min(end, target))];
    if (x === undefined || !this.chart) return;
    event.preventDefault();
    // The third argument, which uPlot's types leave out, moves the other charts along.
    const move = this.chart.setCursor as (at: { left: number; top: number }, fire: boolean, publish: boolean) => void;
    move({ left: this.chart.valToPos(x, 'x'), top: 0 }, true, true);
  }

  private spoken(): string {
    const { nan, posinf, neginf } = tally(this.plot.marks);
    return `${this.series.label || this.series.name}: ${count(this.series.points, 'point')}, ${nan} NaN, ${posinf} +Inf, ${neginf} -Inf. Arrow keys move the cursor.`;
  }
}
