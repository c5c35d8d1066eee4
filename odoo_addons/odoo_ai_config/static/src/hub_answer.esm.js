/* Copyright odoo-ai-config contributors
 * License LGPL-3.0 or later (https://www.gnu.org/licenses/lgpl). */

import {Component, useEffect, xml} from "@odoo/owl";
import {browser} from "@web/core/browser/browser";
import {registry} from "@web/core/registry";
import {standardWidgetProps} from "@web/views/widgets/standard_widget_props";

const SOON = 500;
const MOST = 10;

/**
 * Shows what the hub answered. A record is sent after it was saved, so that what saving
 * answers still says that the record waits.
 */
export class HubAnswer extends Component {
    static template = xml`<t/>`;
    static props = {...standardWidgetProps, field: {type: String}};

    setup() {
        useEffect(
            (waits) => {
                let looks = waits ? MOST : 0;
                const timer = browser.setInterval(() => looks-- > 0 && this.look(), SOON);
                return () => browser.clearInterval(timer);
            },
            () => [this.waits]
        );
    }

    get waits() {
        const {field, record} = this.props;
        return Boolean(record.resId) && record.data[field] === "pending";
    }

    async look() {
        // What somebody is typing meanwhile must not be lost.
        if (!(await this.props.record.isDirty())) {
            await this.props.record.load();
        }
    }
}

registry.category("view_widgets").add("ai_hub_answer", {
    component: HubAnswer,
    extractProps: ({attrs}) => ({field: attrs.field || "sync_state"}),
});
