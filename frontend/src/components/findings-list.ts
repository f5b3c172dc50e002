import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { percent, step } from '../figure';
import type { Finding } from '../report';
import { sheets } from '../stylesheets';
import { causeTitle, confidenceWords } from '../wording';
import './evidence-table';
import own from './findings-list.css?inline';
import './remedy-list';
import { severityBadge } from './status-badge';

@customElement('findings-list')
export class FindingsList extends LitElement {
  static override styles = sheets(own);

  @property({ attribute: false }) findings: Finding[] = [];
  @property({ attribute: false }) notes: string[] = [];
  /** The findings are the main matter, so the first one is open. */
  @property({ type: Boolean }) leading = false;

  override render(): TemplateResult {
    return html`${this.findings.length > 0
      ? html`<h3>${this.leading ? 'Findings' : 'Also found'}</h3>
          ${this.findings.map((finding, index) => card(finding, this.leading && index === 0))}`
      : nothing}
    ${this.notes.length > 0
      ? html`<h3>Notes</h3>
          <ul class="notes">${this.notes.map((note) => html`<li>${note}</li>`)}</ul>`
      : nothing}`;
  }
}

function card(finding: Finding, open: boolean): TemplateResult {
  return html`<details data-testid="finding" ?open=${open}>
    <summary>
      ${severityBadge(finding.severity)}
      <span class="title">${finding.title || causeTitle(finding.cause)}</span>
      <span class="muted">${finding.step === null ? nothing : html`step ${step(finding.step)}, `}${percent(finding.confidence)}, ${confidenceWords(finding.confidence)}</span>
    </summary>
    <div class="body">
      <p>${finding.summary}</p>
      ${finding.evidence.length > 0 ? html`<evidence-table .evidence=${finding.evidence}></evidence-table>` : nothing}
      ${finding.remedies.length > 0 ? html`<remedy-list .remedies=${finding.remedies}></remedy-list>` : nothing}
      <p class="muted mono">${finding.cause}</p>
    </div>
  </details>`;
}
