//! Values that their owners publish, in ordinary packages and in documentation. Hashes, because
//! other scanners would find the values here. Of a private key, the base64 letters of its body.

/// SHA-256 of the values.
const PUBLISHED: &[&str] = &[
    // transformers `testing_utils.py`, the user `hub-ci`; in every release up to 4.x.
    "5de261506c0ff857b7c1af7059f842fb0a36d1ca2e4895da542c5eb726f2c802",
    // Account key of the Azure storage emulator, in the documentation of adlfs and fsspec.
    "0011cc25eb4320717494d2703e8cba85743e71b500283c21c8b88147992f9059",
    // Keys of CPython's own tests, `lib/python3.x/test/certdata`, from 3.6 to 3.13.
    "02d562ec13b6b94f38410dd10756c718913b2a56b3eb19d9d84bcb881a10b858",
    "06ac99e5c711a3fd645fed4a48c94f81c0c2e17641eec570249c805cf94a37d5",
    "0da9a6b48d49589fcd21becbe1e7e3e19eab01d99d97fd3b890c6af3eee7f0cc",
    "11459d6d79b1b7c6705dcfa1efd868ac6aa18a95624f0c3b15f27952976e7955",
    "21c0a962b558a1a1b2848a80d6c7bd5b9d0b77a66af9ef049ed4d9aedb9b2e3e",
    "267d1f6f1552f163e8664e2c46d23ccec4a585ade44dc349fd7b164cafac2e67",
    "27c24145e27cd399888e079c86ccecc114614bbdaee3f00560544f5c3e588743",
    "2c3b966d59bb45e7063082bf51e21aadcb466e97299d0dea6b865671b7df353f",
    "356b0e7be263d0f679e8fa1c25adb626cc0cf154d92f1de6e15210a9534793ec",
    "362633791ff8eaa82947c5a1ac39f31612741b78e76324a5bfc4ee13fe8a9f72",
    "41635f3947a70699f31df62a4664c5905f9a31c39f963dea03f1ea3b5f351a43",
    "4b9318410f6452e09486a93864d840621b4414189b4d84c834b8010c477611ae",
    "55e2fc4afd7429c103069b83edeecf72ef6260d4be526573b0ed5ed42f08a39f",
    "564cb12fd4416e815e553c68e40fceee3f9e9605f96755ed55e10b153d38bc35",
    "574cd7f5fa0746c7549d7853d6f5cf9d343ebc7e1d3705bfb4d47eba6a63677b",
    "687f2d69450298c0a267ff2143e2e55fa197c67cee0a114422e40c6b61666bb4",
    "720e7aff8f2c546c2c710586f9c7df91ceea11e341665dbbcd28e1aab0df2cd3",
    "8f2d880a4627800c253037a4c94be45483a8ff006fd2033d1929454cd0407dd9",
    "90d9defb52211de3f8b8747529251c1e2047b0bc5eb6ae160f55f09b5a6d303d",
    "9ace1d453f107d8224fa59ec6215236187bb6013cce2cd0c031228a72a897471",
    "a392d787746182a3a4d59fbe5ba335104510f5757cde47ae73adae3021e09fec",
    "a4b13c7bba72f43af51f5012886c713160ef31f69a560a7f42dc7dbaeaca95a0",
    "a5bcec4ac345315fc7297c539eacf6666e2dbe41a24563773c552d18165debe1",
    "a96ae55c3eb636e229c9b1316a8f8e6fdbeaf6161b1e9bbe5edee75f4c7547c0",
    "bc3371c0e65c2043fe87aaa3e3206800bf3c89f9c76a8769cab82439c50c29ca",
    "c8135befb834052606407e89857dc263b68028c2ed067d48548b55bd7bc54529",
    "d0015ffd2d53443af0ea7608a52b75f71665c321eb8496ad27aaf11aa719446b",
    "d047657575cdf3db1660336cb713e292f5e2ffceee191c2f99c1a74f609235d2",
    "da4b473953b1ea4d144572b0d7b023fb37c935369e10ce5c4457e6d491217d92",
    "e7a5499cb6a1ca12f1d9611ba7dbdfbf423ef0f6486b0ae5e2d716902f0acb1c",
    "ebf0b1587c9ce3a3d8a85313cd5a48f7fc4d6fb8a5506d8072984f558b80fea1",
    "fd681435cd09e0542149fdbc8c9ffd6a33c78eb991e27b6f03497f6fc234e8d8",
    // The same of gevent, tornado and twisted.
    "00caef76aebc6d2188cdba246b7d6701478350bb5cc7a153b4f9c7fc43f5701c",
    "038c00715a6dec8b7eeaa6a863cf9166d625c48202fdef97b6460e85680e2691",
    "07e9606aebaaee65efd726a8f4e3c6a698e860e8c2a4c50a96f110584bd2e611",
    "2cb7565b770c936c79e83521b75ae52e0f56d7ead9ec2a3fdb118ef259f575a4",
    "2e132423b81dfb524b1f87e67ffbaf9498e91155aff74a70081d700f7b207965",
    "3059ceeb122b97047bfe77b1d46bc5776218497b64401c192d5ebb173d2b6b98",
    "313784623979b354f590290b1bff85322f55bdfdf917c63cfcf6ac76af5421e7",
    "314bdd33e4e8d63b579de86e8adf9803b4fdff996ec06a7fe882d93c1d53fbfd",
    "368f543d20c9ed50c984cb567387ee35962200a0b0932351b1d10bd73afb241d",
    "4ef5b6e65a1e7f10d32cfb845cf2c7be883aca4dad44967ac682eb370aaedac5",
    "69f8153f515723b9b609ef9261d87ca6217b46daa7ffdf5e1f03001e6b20e631",
    "80254f91d0f04bf46edacb81b22e3cd7e9aabfd9367396c983f11fbae454de43",
    "91dff1c49404b937f8cca965e8b58298b33c619401858cf0f435c945a0a77d70",
    "96f3e679249d93486d941e1d1d1723138231f60312094a0891fdf11e103c96bc",
    "ad83ed1af648fcb396fe3e006c2eb2f555811c12c9e097dfb4d703f17d02bed5",
    "b7059a45e2145216ec2dec4c029c81ef31cb3936987c050416373ced3f172b24",
    "b9ade564573db809617de847217b5379e4530780205bf3f333dea1f82c6fbe40",
    "c0ebe963ac6723ab6a755855f213011592dd1b86fccb422f35a49476846be4f5",
    "c21f5fc525cdcd86c3750fd4c5b5dfb8e644c8de62ef5c0477500a19023f5d6e",
    "dc2110ba6d9a687ca637529f3fffdd30cd1dae841d47435ce695f290bdf96ffc",
    "ee0fcbd6b7e5f26e20efb37bc0b5077cc5b0b4e593f86813fa1f6458aeb29d44",
    "fb0dcbb1735b2230add389efeb1020610f277fb5572af0e1468e64328e26d40f",
    // The certificate authority of moto's proxy; Ansible's examples for load balancers and Zabbix.
    "3af7ff3247d711aabfc962d5b524461d1a003d24405a66f6a7c954d202dc390b",
    "4c55fa7e2a68d89ad8f999f1492754dec7730e3afce12deea6b36f564ac22f43",
    "4f4a329560994b762a6c77d6a421a21db8080f779e7e788afc7fe04c8f778023",
    "77a82c3c45f0f3c5b2ca9a70615a6eb9287a7832739a14885f7a9e4207d945a1",
    // A key with which ssh2 (npm) tries what OpenSSL can, and the one of node-rsa's README.
    "0739020d3a2d8f666ad29cc2a2255d10c719f498a888e09104f51c88fbb06156",
    "b3610a1ebc7f4b67626cc8f595ee6b155ae596d74972038d8e608a489d1da2c0",
    // The example keys of ring, rcgen and pem (crates).
    "5344d57f719a98c4464aed1d1c2fa569f0a9de8621c6fdec7d28923a0e1c662c",
    "babb4810174bd1beee4392d81a50ed4cd3101965ba3a074943ad46769edd60cf",
    "0a799bb39c0b704fff67f728346961025cd118895fe2af0e64b835a9dcd7e7a7",
    "81236d63c2560e9dff1f4567171306dc7e5702d0e8b7e243a2b0e8be4c098075",
    // Keys in the examples of the AWS command line.
    "d195ff5e44a38adbf7a221f09397cc9e20f9ed1d477abe0e1115a8a607b66654",
    "37793a37c8df026e538ec20ba9d6c99886b4f0d98d22bc01e675de5b499ffa96",
    // Keys with which the Google Cloud SDK names itself to its own services, and its two clients.
    "f0386f9be1fe905fb2f97a8daff11a9baa9988ceca7c2ecae4aec8db182db1b4",
    "456a51b1f1b3cf3ed76de579926f0727797eb6efb4b7e6a53c74f9a94c95d87a",
    "6189b36d964849f34370088524ad63c235eba30974ee3da0d966ed6bac16b50d",
    "a73b3ad3b416d981fce267795785aee45bf39224fa07ce8a2e2f5a9fa89ef979",
    "b3f19cc85129501b94306e7892b522f46fa2dcda7da664cc74a0ca9314d7d984",
    // Vagrant's insecure keys: every box is made with one, and told to replace it.
    "3ad8f14b04b634983ece3710397663e9213b3403fd2234868f7ae95e254fe906",
    "b8456d4446be077c2158e8a9317763295aae1ebde983013dc7be1a7e65946573",
    // The Azure Cosmos DB emulator's key, and MinIO's public playground.
    "aa6547439583c3a275d4542a0df6c1ad6a863971be9f2a2220f027cc02aef615",
    "df452eef23e8cf2c74af54c0c7419c05a5ec70ef4d5c2eb04082b02af8c55598",
    // Examples of RFC 5849 and RFC 6749 (OAuth 1 and 2), copied into every client.
    "ca7459e2b26776de081b9a07e40227fd6cff232a1e3233ff6b6aa6d036ca9981",
    "a35b81a7d7927b70ec99270dd2362b88580a28574af812f2c02f56469579186f",
    "6c96130f130ab0d6d158397e24d2bcc1c9a5e73ae081f6e983f1c7b545d24a4c",
    "00cf4c781dc37003f7c7dd7d4c9a6ef1e0f4c62d9a291aa8bc398774e3fefd32",
    "293257ab6495ebb11cf9e4aee0686ca30df8de2ab8d251f2cbbcf177bdfcae91",
    "bb9b1163338b2a51495834ad5c65420443d6327381cf0f94ebf92b117f209d72",
    "649e1f5c769e718ba10d1a702a36499a731441d960b06da91c4c97786bf84595",
    "4c20e6f5cc11b93731e74cbe20739821d61c3563c9f50ecb884a27cd369f01fb",
    "6aa14267d94944e6b6483c81f5ad37f87bbc7e88aa368d4aba1e71e0b79cd8c4",
    "a71b359a87afde133e6d9731de69f8823d62b012072d43749f5dc976505403f5",
    "48c9d176f91db4b73316d6b2ce2679287c7c17444a532715cab5ced7801d2db6",
    "80f8b7c904d4a43f3b7036db73247daafe15b3f647b337d19031ff67b7c1a177",
    "2ff8b0fb93aca981c78f1e94355c298c23435461f1072ef4674848e620371787",
    "b7c51d51ea83029500be25b9323142ee5bf4c9ac30bf94eae8f26c8c635aaf41",
    // The key in the documentation of vLLM's server.
    "d88f4b1bd2ec858926e5ee2144bed56732f053cc88731e80a34ea2ef217428be",
];

/// Whether the value is one that its owner publishes.
pub fn is_published(value: &[u8]) -> bool {
    let digest = crate::model::Digest::of(value);
    PUBLISHED.contains(&digest.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_is_one_of_hashes() {
        let unique: BTreeSet<_> = PUBLISHED.iter().collect();
        assert_eq!(unique.len(), PUBLISHED.len());
        for hash in PUBLISHED {
            assert!(hash.len() == 64 && hash.bytes().all(|b| b"0123456789abcdef".contains(&b)));
        }
    }

    #[test]
    fn published_values_are_known_and_no_others() {
        // The access token of RFC 6749.
        assert!(is_published(b"2YotnFZFEjr1zCsicMWpAA"));
        assert!(!is_published(b"2YotnFZFEjr1zCsicMWpAB"));
        assert!(!is_published(b""));
    }
}
