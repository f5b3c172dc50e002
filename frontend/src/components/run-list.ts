import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { count, step } from '../figure';
import { matching, worstFirst } from '../order';
import type { Run } from '../report';
import { sheets } from '../stylesheets';
import own from './run-list.css?inline';
import { statusBadge } from './status-badge';

const FILTER_ABOVE = 8;

/** Sends `choose` with the name of a run. */
@customElement('run-list')
export class RunList extends LitElement {
  static override styles = sheets(own);

  @property({ attribute: false }) runs: Run[] = [];
  @property({ attribute: false }) selected: string | null = null;
  @state() private filter = '';

  override render(): TemplateResult {
    const shown = worstFirst(matching(this.runs, this.filter));
    const tally = count(this.runs.length, 'run');
    return html`<h2 aria-live="polite">${this.filter ? `${shown.length} of ${tally}` : tally}</h2>
      ${this.runs.length > FILTER_ABOVE ? this.filterBox() : nothing}
      <ul>
        ${repeat(shown, (run) => run.run, (run) => this.item(run))}
      </ul>`;
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('selected')) this.renderRoot.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }

  private filterBox(): TemplateResult {
    return html`<input type="search" placeholder="Filter runs" aria-label="Filter runs" .value=${this.filter} @input=${this.onFilter} />`;
  }

  private item(run: Run): TemplateResult {
    const current = run.run === this.selected;
    const send = (): boolean => this.dispatchEvent(new CustomEvent('choose', { detail: run.run }));
    return html`<li>
      <button type="button" data-testid="run-item" data-run=${run.run} aria-current=${current ? 'true' : nothing} @click=${send}>
        <span class="clip name" title=${run.run}>${run.run}</span>
        ${statusBadge(run.status)}<span class="muted bad">${firstBad(run)}</span>
      </button>
    </li>`;
  }

  private onFilter(event: InputEvent): void {
    this.filter = (event.target as HTMLInputElement).value;
  }
}

function firstBad(run: Run): string {
  return run.first_nonfinite ? `from step ${step(run.first_nonfinite.step)}` : '';
}
