import { html, LitElement, nothing, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { Remedy } from '../report';
import { sheets } from '../stylesheets';
import './code-block';
import own from './remedy-list.css?inline';

@customElement('remedy-list')
export class RemedyList extends LitElement {
  static override styles = sheets(own);

  @property({ attribute: false }) remedies: Remedy[] = [];
  /** The test id of every code element. */
  @property() hook = '';

  override render(): TemplateResult {
    return html`<ol>
      ${this.remedies.map(
        (remedy) => html`<li>
          <p>${remedy.text}</p>
          ${remedy.code ? html`<code-block .code=${remedy.code} .hook=${this.hook}></code-block>` : nothing}
        </li>`,
      )}
    </ol>`;
  }
}
